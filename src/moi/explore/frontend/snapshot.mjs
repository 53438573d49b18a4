// Makes the memory snapshot that the page's worker starts from: node snapshot.mjs MODELS.ZIP OUT.BIN.GZ
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { loadPyodide } from "pyodide";

const [models, out] = process.argv.slice(2);
const python = await loadPyodide({ _makeSnapshot: true });
python.unpackArchive(new Uint8Array(readFileSync(models)), "zip", { extractDir: "/lib/models" });
python.runPython(`
import contextlib, sys
sys.path.append("/lib/models")
from moi import models
from moi.solver import NoSolver
from moi.explore.answering import answer_json
for model in models.all_models().values():
    with contextlib.suppress(NoSolver):
        model().outcome()
`);
writeFileSync(out, gzipSync(python.makeMemorySnapshot(), { level: 9 }));
