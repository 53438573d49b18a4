// The chart: a compiled Vega specification whose tables are replaced when the model answers.
import { parse, View } from "./vega.js";

export function newChart(container, specification) {
  const names = specification.data.map((d) => d.name);
  let view = null;

  function draw(tables) {
    const mine = Object.entries(tables).filter(([name]) => names.includes(name));
    if (!view) {
      container.replaceChildren();
      view = new View(parse(specification), { renderer: "svg", container, hover: false, tooltip: () => {} });
      view.logLevel(0);
      follow(container, view);
    }
    for (const [name, rows] of mine) view.data(name, rows.map((row) => ({ ...row })));
    view.run();
  }

  return { draw };
}

// The chart is as wide as its place, also when a sidebar opens or the page is turned.
function follow(container, view) {
  let width = container.clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(container.clientWidth - width) < 1) return;
    width = container.clientWidth;
    view.signal("width", width).resize().run();
  }).observe(container);
}
