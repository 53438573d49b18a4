// Python in the page: starts the self-hosted Pyodide core with the models, and answers requests with answering.py.
//
// A snapshot of its memory with the models imported, made when the book was built, starts it fastest. Pyodide calls
// snapshots experimental, so a start that fails with one is tried again without.

import { port } from "./solver.js";

const here = new URL("./", import.meta.url);

async function start(loadPyodide) {
  try {
    return await loadPyodide({ _loadSnapshot: await unzipped("snapshot.bin.gz") });
  } catch (failure) {
    console.warn(`Starting Python without its snapshot: ${failure}`);
    return await loadPyodide();
  }
}

async function unzipped(name) {
  const response = await fetch(new URL(name, here));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  // A server may have unzipped it already, going by its name.
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A model that needs a solver says so; HiGHS is fetched then, if not before, and the question asked again.
let solver;
async function addSolver() {
  const { default: loadHighs } = await import(new URL("highs/highs.mjs", here));
  python.registerJsModule("moi_highs", port(await loadHighs()));
}

function withSolver() {
  solver ??= addSolver().catch((why) => {
    solver = undefined; // the next question tries again
    throw why;
  });
  return solver;
}

let python;
let answer;
const started = (async () => {
  const [{ loadPyodide }, models] = await Promise.all([
    import(new URL("pyodide/pyodide.mjs", here)),
    fetch(new URL("models.zip", here)).then((response) => response.arrayBuffer()),
  ]);
  python = await start(loadPyodide);
  python.unpackArchive(models, "zip", { extractDir: "/lib/models" });
  answer = python.runPython("import sys; sys.path.append('/lib/models')\nfrom moi.explore.answering import answer_json\nanswer_json");
  postMessage({ ready: true });
})();
started.catch((failure) => postMessage({ failed: String(failure) }));

async function answered(request) {
  try {
    return answer(request);
  } catch (failure) {
    if (failure.type !== "NoSolver") throw failure;
    await withSolver();
    return answer(request);
  }
}

onmessage = async ({ data: { id, request, prepare } }) => {
  await started;
  if (prepare === "solver") return void withSolver().catch(() => {});
  try {
    postMessage({ id, answer: await answered(request) });
  } catch (failure) {
    postMessage({ id, broken: String(failure) });
  }
};
