// The explorer in JupyterLab: the anywidget host, where the kernel computes.
import { mount } from "./explorer.js";

let views = 0;

function render({ model, el }) {
  // One widget may be shown twice, and an id may stand only once.
  views += 1;
  el.innerHTML = model.get("_markup").replaceAll(/\bmoi-\w+-\d+/g, (id) => `${id}-${views}`);
  const root = el.querySelector(".moi-explorer");
  const waiting = new Map();
  let last = 0;
  let outside = () => {};

  const onMessage = ({ id, answer }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  };
  // Also fires for what this figure asked itself; showing it again changes nothing.
  const onShown = () => waiting.size === 0 && outside(model.get("shown"));
  model.on("msg:custom", onMessage);
  model.on("change:shown", onShown);

  const { show } = mount(root, {
    ask: (ask) =>
      new Promise((resolve) => {
        waiting.set(++last, resolve);
        model.send({ id: last, ask });
      }),
    onValues: (f) => (outside = f),
  });
  show(model.get("shown"));

  return () => {
    model.off("msg:custom", onMessage);
    model.off("change:shown", onShown);
  };
}

export default { render };
