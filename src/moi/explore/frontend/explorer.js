// The explorer: brings the markup of html.py to life, whoever computes.
//
// mount(root, host) needs of its host:
//   host.ask(request)   promise of an answer; request is {values, compare?, programme?, written?}, the answer that of answering.py
//   host.onValues?(f)   calls f(answer) when the values were changed from outside
//   host.changed?(values, defaults)   is told each state that was computed
//   host.link?()        the address of the present state, for sharing
import { newChart } from "./chart.js";
import { read, write } from "./controls.js";

const QUIET = 700; // ms without a change before a screen reader is told

export function mount(root, host, start = null) {
  const specification = JSON.parse(root.querySelector(".moi-specification").textContent);
  const first = specification.values;
  const controls = new Map([...root.querySelectorAll("[data-parameter]")].map((c) => [c.dataset.parameter, c]));
  const $ = (selector) => root.querySelector(selector);
  const $$ = (selector) => root.querySelectorAll(selector);
  let values = { ...first, ...start }; // as last answered
  let intended = values; // with what the reader has moved since
  let shown = null; // the last answer that could be shown
  let wanted = null; // the newest request not yet sent
  let busy = false;
  let chart = null;
  let telling = 0;

  // One computation in flight, and of those that wait only the newest.
  async function ask(request) {
    wanted = request;
    if (busy) return;
    busy = true;
    while (wanted) {
      const sent = wanted;
      wanted = null;
      // A long search shows that it is under way; a quick answer does not flicker.
      const working = setTimeout(() => root.classList.add("moi-busy"), 250);
      try {
        const known = sent.state && same(sent.values, first) ? specification.comparison : null;
        const answer = await host.ask({ values: sent.values, compare: Boolean(sent.state) && !known, ...unfolded() });
        if (known && !answer.error) answer.comparison = known;
        if (!wanted || sent.state) show(answer, sent);
      } catch (failure) {
        fail(failure);
        wanted = null;
      } finally {
        clearTimeout(working);
        root.classList.remove("moi-busy");
      }
    }
    busy = false;
  }

  // What is folded is not asked for: it is brought up to date when it is opened.
  const unfolded = () => ({ written: $(".moi-tables").open, programme: Boolean($(".moi-programme")?.open) });

  function show(answer, sent = {}) {
    const error = $(".moi-error");
    for (const control of controls.values()) control.classList.remove("moi-refused");
    error.hidden = !answer.error;
    root.classList.toggle("moi-stale", Boolean(answer.error));
    if (answer.error) {
      if (!wanted) intended = values;
      error.textContent = answer.error.message;
      const control = controls.get(answer.error.parameter);
      control?.classList.add("moi-refused");
      for (let up = control?.parentElement; up && up !== root; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
      return;
    }
    shown = answer;
    values = answer.values;
    if (!wanted) intended = values;
    for (const [name, control] of controls) write(control, values[name], answer.ranges[name]);
    for (const cell of $$("[data-measure]")) cell.textContent = answer.texts[cell.dataset.measure];
    const problems = $(".moi-problems");
    problems.hidden = answer.problems.length === 0;
    problems.replaceChildren(...answer.problems.map((text) => element("li", {}, text)));
    $(".moi-summary").textContent = answer.summary;
    $(".moi-python code").textContent = answer.python;
    if (answer.written) $(".moi-tables > div").replaceChildren(...answer.written.map(tableOf));
    if (answer.programme) $(".moi-programme code").textContent = answer.programme;
    (chart ??= newChart($(".moi-canvas"), specification.chart)).draw(answer.tables);
    host.changed?.(values, first);
    if (answer.comparison) showComparison(answer.comparison, sent.state);
    else tell(answer.summary);
  }

  function showComparison(comparison, state) {
    const box = $(".moi-comparison");
    const head = element("tr", {}, element("td"), ...comparison.goals.map((g) => element("th", { scope: "col", class: `moi-${g.side}` }, `${specification.marks[g.side]} ${g.label}`)));
    const body = comparison.rows.map((row) =>
      element("tr", { class: row.state === state ? "moi-chosen" : "" },
        element("th", { scope: "row" }, specification.questions[row.state]), ...row.texts.map((text) => element("td", {}, text))),
    );
    const gap = element("p", { class: "moi-gap" }, "Integration gap: ", element("strong", {}, comparison.gap));
    box.replaceChildren(
      element("div", { class: "moi-scroll", tabindex: "0", role: "group", "aria-label": "Who chooses, and what each side then gets" },
        element("table", {}, element("caption", {}, "Who chooses, and what each side then gets. Alone: with the other side where it stands now."), element("thead", {}, head), element("tbody", {}, ...body))),
      gap, element("p", { class: "moi-ended" }, `Apart: ${comparison.ended}`),
    );
    box.hidden = false;
    const row = comparison.rows.find((r) => r.state === state);
    // A second answer, for the state that was asked for, then moves the levers there.
    wanted ??= { values: row.values };
    tell(`${specification.questions[state]}: ${comparison.goals.map((g, i) => `${g.label} ${row.texts[i]}`).join(", ")}. Integration gap ${comparison.gap}.`);
  }

  function fail(failure) {
    root.classList.add("moi-dead");
    for (const set of $$("fieldset, button")) set.disabled = true;
    $(".moi-status").textContent = failure?.message ?? String(failure);
  }

  function tell(text) {
    clearTimeout(telling);
    telling = setTimeout(() => ($(".moi-status").textContent = text), QUIET);
  }

  function moved(event) {
    const control = event.target.closest("[data-parameter]");
    if (!control) return;
    const name = control.dataset.parameter;
    const value = read(control, event.target);
    if (value === undefined) return; // half-way, such as an empty box for the reader's own numbers
    if (!specification.levers.includes(name)) $(".moi-comparison").hidden = true; // it was made for another setting
    intended = { ...intended, [name]: value };
    ask({ values: intended });
  }

  root.addEventListener("input", (event) => event.target.type === "range" && moved(event));
  root.addEventListener("change", (event) => event.target.type !== "range" && moved(event));
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.state) ask({ values: intended, state: button.dataset.state });
    else if (button && "reset" in button.dataset) {
      $(".moi-comparison").hidden = true;
      intended = first;
      ask({ values: first });
    } else if (button && "share" in button.dataset) share(button);
  });
  for (const fold of $$(".moi-tables, .moi-programme")) fold.addEventListener("toggle", () => fold.open && shown && ask({ values: intended }));

  async function share(button) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(host.link());
      button.textContent = "Link copied";
    } catch {
      button.textContent = host.link(); // no clipboard here: the reader can copy it by hand
    }
    setTimeout(() => (button.textContent = said), 4000);
  }

  $(".moi-share").hidden = !host.link;
  for (const set of $$("fieldset, button")) set.disabled = false;
  root.classList.add("moi-live");
  host.onValues?.((answer) => {
    show(answer);
    if (Object.entries(unfolded()).some(([part, open]) => open && !(part in answer))) ask({ values: intended });
  });
  if (start) ask({ values });
  return { show, ask };
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function tableOf({ title, head, rows }) {
  return element("table", {},
    ...(title ? [element("caption", {}, title)] : []),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((text) => element("td", {}, text))))),
  );
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
