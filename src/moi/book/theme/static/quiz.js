// Self-check questions: the feedback that a learner hears and sees comes from the answers written in the page.

// A number as people type it ("1,234.5", "1 234.5", "£12", "73 %", "4/5.5", "12.5 units"): its value, or in a sentence
// why it is not taken. `unit` is that of the question; a percentage is a fraction where the question has none.
function typed(text, unit) {
  const plain = text.trim().replaceAll("−", "-").replace(/(\d)[\s']+(?=\d{3}(?!\d))/g, "$1");
  const [, sign, pounds, first, , second, rest] =
    plain.match(/^([+-]?)\s*(£?)\s*([\d.,]+(e[+-]?\d+)?)\s*(?:\/\s*([\d.,]+)\s*)?(.*)$/i) ?? [];
  const values = [first, second ?? "1"].map(plainNumber);
  if (first === undefined || values.some(Number.isNaN) || values[1] === 0) {
    const comma = /^[^\d.]*\d+,\d+[^\d.,]*$/.test(plain);
    return { problem: comma ? `Is that ${plain.replace(",", ".")}? Type a point for the decimals, and commas for thousands only.` : "Type a number, for example 12.5." };
  }
  const value = ((sign === "-" ? -1 : 1) * values[0]) / values[1];
  const words = (pounds + rest).split(/\s+|(?<=[£%])|(?=[£%])/).filter(Boolean);
  if (words.length === 1 && words[0] === "%" && unit === "") return { value: value / 100 };
  const foreign = words.find((word) => unit !== "" && !unit.toLowerCase().split(/\s+/).includes(word.toLowerCase()));
  if (foreign !== undefined) return { problem: `The answer is in ${unit}: type the number alone, without “${foreign}”.` };
  if (unit === "" && words.length) return { problem: "The answer has no unit: type the number alone." };
  return { value };
}

// Commas stand between thousands and nowhere else: 1,5 is not 15.
function plainNumber(text) {
  const whole = /^[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(text) ? text.replaceAll(",", "") : text;
  return /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(whole) ? Number(whole) : NaN;
}

function paragraph(text, className) {
  const p = document.createElement("p");
  p.className = className;
  p.textContent = text;
  return p;
}

// What the learner has answered: a verdict, and the reasons (items of the list) that speak to it.
function judge(quiz, reasons) {
  if (quiz.dataset.kind === "number") {
    const { value, problem } = typed(quiz.querySelector(".quiz-number input").value, quiz.dataset.unit);
    if (problem) return { verdict: problem, reasons: [] };
    const tolerance = Number(quiz.dataset.tolerance) * (1 + 1e-9);
    const near = (number) => Math.abs(value - Number(number)) <= tolerance;
    const isRight = near(quiz.dataset.answer);
    const reason = isRight
      ? reasons.find((r) => r.dataset.right === "true")
      : (reasons.find((r) => r.dataset.value && near(r.dataset.value)) ??
        reasons.find((r) => r.dataset.right === "false" && !r.dataset.value));
    return { verdict: isRight ? "Right." : "Not yet.", right: isRight, reasons: [reason] };
  }
  const inputs = [...quiz.querySelectorAll(".quiz-choice input")];
  const chosen = inputs.flatMap((input, i) => (input.checked ? [reasons[i]] : []));
  if (!chosen.length) return { verdict: "Choose an answer first.", reasons: [] };
  const allRight = inputs.every((input, i) => input.checked === (reasons[i].dataset.right === "true"));
  if (allRight) return { verdict: "Right.", right: true, reasons };
  const wrong = chosen.some((r) => r.dataset.right === "false");
  return { verdict: wrong ? "Not yet." : "Right so far, but not all of it.", right: false, reasons: chosen };
}

for (const quiz of document.querySelectorAll("form.quiz")) {
  const folded = quiz.querySelector(".quiz-reasons");
  const reasons = [...folded.querySelectorAll(":scope > ul > li")];
  const feedback = quiz.querySelector(".quiz-feedback");
  folded.hidden = true;
  quiz.querySelector(".quiz-check").hidden = false;
  quiz.addEventListener("submit", (event) => {
    event.preventDefault();
    const { verdict, right, reasons: shown } = judge(quiz, reasons);
    const list = document.createElement("ul");
    for (const reason of shown) list.append(reason.cloneNode(true));
    feedback.dataset.right = String(right ?? "");
    feedback.replaceChildren(paragraph(verdict, "quiz-verdict-line"), ...(shown.length ? [list] : []));
  });
  // A new answer has not been judged: leave no old verdict beside it.
  quiz.addEventListener("input", () => feedback.replaceChildren());
}
