// The explorer on a page of the built book: Python runs in a worker that all figures of the page share.
import { Engine } from "./engine.js";
import { mount } from "./explorer.js";
import { fromQuery, intoQuery } from "./sharing.js";

const engine = new Engine(() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
const counts = new Map();

for (const root of document.querySelectorAll(".moi-explorer")) {
  const model = root.dataset.model;
  counts.set(model, (counts.get(model) ?? 0) + 1);
  const key = counts.get(model) > 1 ? `${model}-${counts.get(model)}` : model;
  const status = root.querySelector(".moi-status");
  let query = location.search;
  let writing = 0;
  const host = {
    ask: async (request) => {
      const waiting = setTimeout(() => (status.textContent = "Starting Python in this page …"), 300);
      try {
        return await engine.ask({ model, ...request });
      } finally {
        clearTimeout(waiting);
        if (status.textContent.startsWith("Starting")) status.textContent = "";
      }
    },
    changed: (values, defaults) => {
      query = intoQuery(location.search, key, values, defaults);
      clearTimeout(writing); // browsers refuse a hundred changes of the address in a row
      writing = setTimeout(() => history.replaceState(null, "", location.pathname + intoQuery(location.search, key, values, defaults) + location.hash), 250);
    },
    link: () => location.origin + location.pathname + query + `#${root.id}`,
  };
  mount(root, host, fromQuery(location.search, key));
  // Touched: Python starts if it has not, and a model that shows a programme will want the solver next.
  const touched = () => (root.querySelector(".moi-programme") ? engine.prepare("solver") : engine.start());
  root.addEventListener("pointerenter", touched, { once: true });
  root.addEventListener("focusin", touched, { once: true });
}

// Readers read first: Python is fetched while they do, unless they asked to save data.
if (counts.size && !navigator.connection?.saveData) {
  const whenIdle = window.requestIdleCallback ?? ((f) => setTimeout(f, 500));
  if (document.readyState === "complete") whenIdle(() => engine.start());
  else addEventListener("load", () => whenIdle(() => engine.start()));
}
