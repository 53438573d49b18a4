"""Self-check questions as learners answer them: by keyboard, with feedback, and readable without a script."""

import pytest
from playwright.sync_api import expect

PAGE = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

```{code-cell} python
import numpy as np
from myst_nb import glue
glue("mase", np.float64(0.7312), display=False)
glue("inverted", 1.3676, display=False)
```

:::{quiz}
:name: quiz-one
Why not MAPE?

- [ ] It has a unit.
  > It has none.
- [x] It divides by the actual value.
  > Nothing can be divided by zero.
:::

:::{quiz}
:name: quiz-several
:multiple:
Which have the unit of the series?

- [x] MAE
  > An average of errors.
- [ ] MAPE
  > A ratio has no unit.
- [x] RMSE
  > The root takes the unit back.
:::

:::{quiz}
:name: quiz-number
:answer: "{glue}mase"
:decimals: 2
:unit: times
How large is the scaled error?

- [x] The naive forecast was worse.
- [{glue}inverted] The ratio is upside down.
- [ ] Divide by the naive error.
:::

:::{quiz}
:name: quiz-fraction
:answer: 0.727
:decimals: 2
On what fraction of days?

- [x] Four over five and a half.
- [ ] Not that.
:::

:::{quiz}
:name: quiz-percent
:answer: 20.8
:decimals: 1
:unit: "%"
How likely, at the least?

- [x] Loss over loss plus gain.
- [ ] Not that.
:::

:::{quiz}
:name: quiz-money
:answer: 1015
:unit: £ a week
What is the gap?

- [x] Together less apart.
- [ ] Not that.
:::
"""


@pytest.fixture(scope="module")
def address(build_book):
    built = build_book(index=PAGE)
    assert built.status == 0, built.said
    return (built.folder / "index.html").as_uri()


@pytest.fixture
def quizzes(page, address):
    page.goto(address)
    return page


def feedback(page, name):
    return page.locator(f"#{name}").get_by_role("status")


def test_a_wrong_then_a_right_choice_by_keyboard_alone(quizzes):
    quizzes.get_by_role("radio", name="It has a unit.").focus()
    quizzes.keyboard.press("Space")
    quizzes.keyboard.press("Enter")
    expect(feedback(quizzes, "quiz-one")).to_contain_text("Not yet.")
    expect(feedback(quizzes, "quiz-one")).to_contain_text("It has none.")
    expect(feedback(quizzes, "quiz-one")).not_to_contain_text("divided by zero")
    quizzes.keyboard.press("ArrowDown")
    expect(feedback(quizzes, "quiz-one")).to_be_empty()
    quizzes.keyboard.press("Tab")
    expect(quizzes.locator("#quiz-one").get_by_role("button", name="Check")).to_be_focused()
    quizzes.keyboard.press("Enter")
    expect(feedback(quizzes, "quiz-one")).to_contain_text("Right.")
    expect(feedback(quizzes, "quiz-one")).to_contain_text("divided by zero")


def test_several_choices_must_all_be_found(quizzes):
    quiz = quizzes.locator("#quiz-several")
    check = quiz.get_by_role("button", name="Check")
    check.click()
    expect(feedback(quizzes, "quiz-several")).to_contain_text("Choose an answer first.")
    quiz.get_by_label("MAE").check()
    check.click()
    expect(feedback(quizzes, "quiz-several")).to_contain_text("Right so far, but not all of it.")
    quiz.get_by_label("MAPE").check()
    check.click()
    expect(feedback(quizzes, "quiz-several")).to_contain_text("A ratio has no unit.")
    quiz.get_by_label("MAPE").uncheck()
    quiz.get_by_label("RMSE").check()
    check.click()
    expect(feedback(quizzes, "quiz-several").locator("p").first).to_have_text("Right.")


@pytest.mark.parametrize(
    ("typed", "verdict", "reason"),
    [
        ("0.73", "Right.", "naive forecast was worse"),
        (" 0.7312 ", "Right.", "naive forecast was worse"),
        ("0.74", "Not yet.", "Divide by the naive error"),
        ("1.37", "Not yet.", "upside down"),
        ("-0.73", "Not yet.", "Divide by the naive error"),
        ("7,312.0", "Not yet.", "Divide by the naive error"),
        ("a lot", "Type a number", ""),
        ("", "Type a number", ""),
        ("0,73", "Type a point for the decimals", ""),
        ("0.73 times", "Right.", "naive forecast was worse"),
        ("73 %", "in times: type the number alone, without “%”", ""),
    ],
)
def test_numbers_are_judged_against_the_run_of_the_page(quizzes, typed, verdict, reason):
    quizzes.get_by_label("Your answer, in times").fill(typed)
    quizzes.keyboard.press("Enter")
    expect(feedback(quizzes, "quiz-number")).to_contain_text(verdict)
    expect(feedback(quizzes, "quiz-number")).to_contain_text(reason)


@pytest.mark.parametrize(
    ("quiz", "typed", "verdict"),
    [
        ("fraction", "73 %", "Right."),
        ("fraction", "72.7%", "Right."),
        ("fraction", "4/5.5", "Right."),
        ("fraction", "73", "Not yet."),
        ("fraction", "£0.73", "no unit: type the number alone"),
        ("percent", "20.8", "Right."),
        ("percent", "20.8 %", "Right."),
        ("percent", "20,8 %", "Is that 20.8 %? Type a point"),
        ("money", "1,015", "Right."),
        ("money", "£1,015", "Right."),
        ("money", "£1 015 a week", "Right."),
        ("money", "−£1,015", "Not yet."),
        ("money", "1,01", "Is that 1.01? Type a point"),
        ("money", "0,015", "Is that 0.015? Type a point"),
        ("money", "1015 units", "in £ a week: type the number alone, without “units”"),
        ("money", "1/0", "Type a number"),
    ],
)
def test_a_number_is_taken_as_people_type_it_or_refused_in_a_sentence(quizzes, quiz, typed, verdict):
    quizzes.locator(f"#quiz-{quiz} input").fill(typed)
    quizzes.keyboard.press("Enter")
    expect(feedback(quizzes, f"quiz-{quiz}")).to_contain_text(verdict)


def test_answers_can_be_read_without_a_script(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_role("button", name="Check")).to_have_count(0)
    quiz = page.locator("#quiz-number")
    expect(quiz.get_by_text("Answer: 0.73 times")).to_be_hidden()
    quiz.get_by_text("Answer and reasons").click()
    expect(quiz.get_by_text("Answer: 0.73 times")).to_be_visible()
    context.close()
