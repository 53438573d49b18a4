// What the reader's controls say, and how a value is written back to them.
//
// Text that is no number is passed on as it stands: the model answers it in its own words.

export function read(control, touched) {
  const kind = control.dataset.kind;
  if (kind === "flag") return touched.checked;
  if (kind === "choice") return touched.value;
  if (kind === "numbers") return readList(control, touched);
  return number(touched.value);
}

export function write(control, value, range) {
  const kind = control.dataset.kind;
  if (kind === "flag") return void (control.querySelector("input").checked = value);
  if (kind === "choice") return void (control.querySelector("select").value = value);
  if (kind === "numbers") return writeList(control, value);
  const [box, slider] = [control.querySelector("input[type=text]"), control.querySelector("input[type=range]")];
  // What the reader is typing, or has just typed, stays as it was typed.
  if (box !== document.activeElement && number(box.value) !== value) box.value = brief(value);
  if (!slider) return;
  if (range) [slider.min, slider.max] = range;
  if (Number(slider.value) !== value) slider.value = value ?? slider.min;
  slider.setAttribute("aria-valuetext", `${brief(value)} ${control.querySelector(".moi-unit")?.textContent ?? ""}`.trim());
}

// The value is kept whole; the box shows as much of it as a reader wants.
export function brief(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value);
}

// As people type it: "1,000", "£5", and "20 %" for a fraction. "12,5" stays text, for the model to refuse.
export function number(text) {
  const plain = text.trim().replace(/[\s\u00a0]/g, "").replace("−", "-").replace(/^([+-]?)£/, "$1");
  if (plain === "") return null;
  const [, figures, percent] = plain.match(/^(.+?)(%?)$/);
  const whole = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(figures) ? figures.replaceAll(",", "") : figures;
  const value = Number(whole) / (percent ? 100 : 1);
  return Number.isFinite(value) ? value : text.trim();
}

export function list(text) {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  return parts.length ? parts.map(number) : null;
}

function readList(control, touched) {
  const own = control.querySelector("textarea");
  if (touched.tagName !== "SELECT") return list(own.value);
  own.hidden = touched.value !== "";
  if (touched.value) return touched.value;
  own.focus();
  return own.value.trim() ? list(own.value) : undefined;
}

function writeList(control, value) {
  const [select, own] = [control.querySelector("select"), control.querySelector("textarea")];
  const named = typeof value === "string";
  if (select) {
    select.value = named ? value : "";
    own.hidden = named;
  }
  if (!named && JSON.stringify(list(own.value)) !== JSON.stringify(value)) own.value = value ? value.map(brief).join(", ") : "";
}
