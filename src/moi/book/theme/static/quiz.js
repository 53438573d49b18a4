// Self-check questions: the feedback that a learner hears and sees comes from the answers written in the page.

// "1,234.5", "1 234.5", "£12" and "12%" are numbers as people type them; NaN for anything else.
function typed(text) {
  const plain = text.replace(/[\s£$€%]/g, "").replace(/,(?=\d{3}(\D|$))/g, "").replace("−", "-");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
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
    const value = typed(quiz.querySelector(".quiz-number input").value);
    if (Number.isNaN(value)) return { verdict: "Type a number, for example 12.5.", reasons: [] };
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
