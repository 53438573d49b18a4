// Bundles the explorer into ../static: page.js and worker.js for the book, widget.js for JupyterLab, one style sheet.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = new URL("./", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, here));

await build({
  entryPoints: ["page.js", "widget.js", "worker.js", "explorer.css"].map(path),
  outdir: path("../static"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  external: ["*/pyodide/pyodide.mjs", "*/highs/highs.mjs"],
  logLevel: "warning",
});
