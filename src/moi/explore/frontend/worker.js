// Python in the page: starts the self-hosted Pyodide core with the models, and answers requests with answering.py.
//
// A snapshot of its memory with the models imported, made when the book was built, starts it fastest. Pyodide calls
// snapshots experimental, so a start that fails with one is tried again without.

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

let answer;
const started = (async () => {
  const [{ loadPyodide }, models] = await Promise.all([
    import(new URL("pyodide/pyodide.mjs", here)),
    fetch(new URL("models.zip", here)).then((response) => response.arrayBuffer()),
  ]);
  const python = await start(loadPyodide);
  python.unpackArchive(models, "zip", { extractDir: "/lib/models" });
  answer = python.runPython("import sys; sys.path.append('/lib/models')\nfrom moi.explore.answering import answer_json\nanswer_json");
  postMessage({ ready: true });
})();
started.catch((failure) => postMessage({ failed: String(failure) }));

onmessage = async ({ data: { id, request } }) => {
  await started;
  try {
    postMessage({ id, answer: answer(request) });
  } catch (failure) {
    postMessage({ id, broken: String(failure) });
  }
};
