// What is timed inside the browser, by its own clock: moving a lever and waiting for what it changes to be shown.
window.bench = (() => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

  const PATIENCE = 120_000; // ms: a benchmark that waits for ever tells nothing

  // The first answer of `test` that is not null or false, tried again at each frame.
  async function until(test) {
    const start = performance.now();
    for (let found; performance.now() - start < PATIENCE; await frame()) if ((found = test())) return found;
    throw new Error(`waited in vain for ${test}`);
  }

  // Moves with `move` and resolves when `seen(place)` holds and is about to be painted. Gives milliseconds.
  async function timed(place, move, seen) {
    const start = performance.now();
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`nothing changed after ${move}`)), PATIENCE);
      const look = async () => {
        if (!(await seen())) return;
        watch.disconnect();
        resolve();
      };
      const watch = new MutationObserver(look);
      watch.observe(place, { subtree: true, childList: true, attributes: true, characterData: true });
      move();
    });
    await frame();
    return performance.now() - start;
  }

  // The explorer: its slider is set, and the chart drawn anew.
  async function explorer(model, lever) {
    const figure = await until(() => document.querySelector(`.moi-explorer.moi-live[data-model=${model}]`));
    const slider = figure.querySelector(`[data-parameter=${lever}] input[type=range]`);
    const shown = () => figure.querySelector(".moi-results").textContent;
    return () => {
      const before = shown();
      const move = () => {
        slider.value === slider.max ? (slider.value = slider.min) : slider.stepUp();
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      };
      // The results are written just before the chart is drawn, in one go.
      return timed(figure.querySelector(".moi-chart"), move, () => shown() !== before);
    };
  }

  // A slider of ipywidgets: an arrow key is pressed on it, and a new picture (or text, without one) stands there.
  async function interact() {
    const handle = await until(() => document.querySelector(".widget-interact .noUi-handle"));
    const place = handle.closest(".widget-interact");
    const shown = () => place.querySelector(".jp-OutputArea img")?.src ?? place.querySelector(".jp-OutputArea pre")?.textContent;
    await until(shown);
    return () => {
      const before = shown();
      // From the end of the slider back to its start.
      const key = handle.ariaValueNow === handle.ariaValueMax ? "Home" : "ArrowRight";
      const move = () => handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const seen = async () => {
        if (!shown() || shown() === before) return false;
        await place.querySelector(".jp-OutputArea img")?.decode();
        return true;
      };
      return timed(place, move, seen);
    };
  }

  // The open notebook of a JupyterLab or JupyterLite: all its cells are run.
  async function runAll() {
    const panel = await until(() => window.jupyterapp?.shell?.currentWidget?.sessionContext && jupyterapp.shell.currentWidget);
    await panel.context.ready;
    await until(() => panel.sessionContext.isReady);
    await jupyterapp.commands.execute("notebook:run-all-cells");
  }

  // Times of `count` moves after some that warm up, each begun when all is quiet.
  async function moves(move, count, warmUp = 5) {
    const times = [];
    for (let n = 0; n < warmUp + count; n++) {
      await pause(150);
      times.push(await move());
    }
    return times.slice(warmUp);
  }

  return { explorer, interact, runAll, moves };
})();
