// The parts of Vega that the models' charts use: naming them keeps the rest out of the bundle.
import { transforms } from "vega-dataflow";
import { aggregate, collect, extent, facet, field, filter, formula, multiextent, multivalues, params, prefacet, proxy, sieve, values } from "vega-transforms";
import { axisticks, datajoin, encode, scale, sortitems } from "vega-encode";
import { bound, mark, overlap, render, viewlayout } from "vega-view-transforms";

Object.assign(transforms, {
  aggregate, collect, extent, facet, field, filter, formula, multiextent, multivalues, params, prefacet, proxy, sieve, values,
  axisticks, datajoin, encode, scale, sortitems,
  bound, mark, overlap, render, viewlayout,
});

export { parse } from "vega-parser";
export { View } from "vega-view";
