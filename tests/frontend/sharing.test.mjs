// The state of a figure survives the way through the address, and leaves the rest of the address alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromQuery, intoQuery } from "../../src/moi/explore/frontend/sharing.js";

const defaults = { variants: 12, setup_cost: 400, series: "harbour_ices", start: null };

test("values that differ come back as they were", () => {
  const values = { variants: 25, setup_cost: 81.06666666666666, series: [1, 2.5], start: null };
  const query = intoQuery("", "variety", values, defaults);
  assert.deepEqual(fromQuery(query, "variety"), { variants: 25, setup_cost: 81.06666666666666, series: [1, 2.5] });
});

test("defaults leave the address empty", () => assert.equal(intoQuery("?variety.variants=3", "variety", defaults, defaults), ""));

test("another figure's state and other parameters stay", () => {
  const query = intoQuery("?q=stock&variety-2.variants=7", "variety", { ...defaults, variants: 9 }, defaults);
  assert.deepEqual(fromQuery(query, "variety-2"), { variants: 7 });
  assert.deepEqual(fromQuery(query, "variety"), { variants: 9 });
  assert.equal(new URLSearchParams(query).get("q"), "stock");
});

test("what someone typed by hand into the address reaches the model as text", () => {
  assert.deepEqual(fromQuery("?variety.variants=many", "variety"), { variants: "many" });
  assert.equal(fromQuery("?page=2", "variety"), null);
});
