"""The explorer as HTML: the one markup that both hosts show, and that ``explorer.js`` brings to life."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from moi.explore import chart, tables
from moi.explore.answering import answer, present
from moi.model import Measure, MiniModel, Outcome, Parameter

SIDES = {"marketing": "Marketing", "operations": "Operations", "joint": "Both sides", "setting": "Setting"}
MARKS = {"marketing": "▲", "operations": "■", "firm": "●", "joint": "◆", "setting": ""}
QUESTIONS = (
    ("marketing", "Marketing alone", "What would marketing choose by itself?"),
    ("operations", "Operations alone", "What would operations choose by itself?"),
    ("apart", "Apart", "Where do they end when each reacts to the other?"),
    ("together", "Together", "What would they choose as one firm?"),
)
LONGEST_SLIDER = 1e4  # a range wider than this is written, not slid

_numbers = itertools.count(1)


def page_figure(model: MiniModel, show: Sequence[str]) -> str:
    """The figure for the built book: readable at once, with charts drawn for a wide and a narrow page."""
    outcome = model.outcome()
    charts = "".join(
        f'<div class="moi-drawn moi-{width}">{chart.drawn(type(model), outcome, pixels)}</div>'
        for width, pixels in chart.WIDTHS.items()
    )
    return markup(model, show, charts, searched=True)


def markup(model: MiniModel, show: Sequence[str], charts: str = "", searched: bool = False) -> str:
    """The figure's HTML at the state of ``model``; ``charts`` stand where the live chart will be.

    ``searched``: the comparison at that state comes with it, so that its first answer need not be searched for.
    """
    uid = f"moi-{model.name}-{next(_numbers)}"
    outcome = model.outcome()
    shown = present(model, outcome)
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in shown["problems"])
    return f"""
<figure class="moi-explorer" id="{uid}" data-model="{model.name}" aria-labelledby="{uid}-title">
<figcaption><p class="moi-title" id="{uid}-title">
<span>{escape(model.title)}</span> {escape(model.question)}</p></figcaption>
<div class="moi-controls">{"".join(_fieldsets(model, show, uid))}</div>
<p class="moi-error" role="alert" hidden></p>
<ul class="moi-problems"{"" if problems else " hidden"}>{problems}</ul>
<div class="moi-results">{"".join(_goals(model, shown["texts"]))}</div>
<div class="moi-chart" role="img" aria-labelledby="{uid}-summary"><div aria-hidden="true">{_legend(model)}
<div class="moi-canvas">{charts}</div></div></div>
<p class="moi-summary" id="{uid}-summary">{escape(shown["summary"])}</p>
{_questions()}
<div class="moi-comparison" hidden></div>
{_more(model, shown, outcome)}
<p class="moi-status" role="status"></p>
<script type="application/json" class="moi-specification">{_json(specification(model, searched))}</script>
</figure>
"""


def specification(model: MiniModel, searched: bool) -> dict[str, Any]:
    """What the front end needs to know about ``model`` beyond the markup."""
    asked = {"model": model.name, "values": model.values, "compare": True}
    return {
        "comparison": answer(asked).get("comparison") if searched else None,
        "model": model.name,
        "values": model.values,
        "levers": model.levers("marketing", "operations", "joint"),
        "chart": chart.compiled(type(model)),
        "marks": {side: MARKS[side] for side in ("marketing", "operations", "firm")},
        "questions": {state: label for state, label, _ in QUESTIONS},
    }


def _fieldsets(model: MiniModel, show: Sequence[str], uid: str) -> Iterator[str]:
    parameters = model.parameters.values()
    for side in ("marketing", "operations", "joint"):
        yield _fieldset(model, side, SIDES[side], [p for p in parameters if p.side == side], uid)
    settings = [p for p in parameters if p.side == "setting"]
    yield _fieldset(model, "setting", "Try also", [p for p in settings if p.name in show], uid)
    hidden = [p for p in settings if p.name not in show]
    if hidden:
        summary = f"The setting: {len(hidden)} values that both sides take as given"
        controls = _fieldset(model, "setting", "", hidden, uid)
        yield f'<details class="moi-settings"><summary>{summary}</summary>{controls}</details>'


def _fieldset(model: MiniModel, side: str, legend: str, parameters: Sequence[Parameter], uid: str) -> str:
    if not parameters:
        return ""
    title = f"<legend>{_mark(side)}{legend}</legend>" if legend else '<legend class="moi-unseen">Setting</legend>'
    controls = "".join(_control(model, parameter, uid) for parameter in parameters)
    # Disabled until a script can answer: a control that does nothing would mislead.
    return f'<fieldset class="moi-side moi-{side}" disabled>{title}{controls}</fieldset>'


def _control(model: MiniModel, parameter: Parameter, uid: str) -> str:
    value = getattr(model, parameter.name)
    name, field = parameter.name, f"{uid}-{parameter.name}"
    said = parameter.unit.lower() in parameter.label.lower()  # a unit that the label names is not shown twice
    unit = f'<span class="moi-unit{" moi-unseen" if said else ""}">{escape(parameter.unit)}</span>'
    meaning = f'<small id="{field}-meaning">{escape(parameter.meaning)}</small>' if parameter.meaning else ""
    described = f' aria-describedby="{field}-meaning"' if parameter.meaning else ""
    label = f'<span class="moi-name"><label for="{field}">{escape(parameter.label)}</label> {unit}</span>'
    head = f'<div class="moi-control" data-parameter="{name}" data-kind="{parameter.kind}">'
    if parameter.kind == "choice":
        options = "".join(_option(choice, choice == value) for choice in parameter.choices)
        return f'{head}{label}<select id="{field}"{described}>{options}</select>{meaning}</div>'
    if parameter.kind == "flag":
        checked = " checked" if value else ""
        return f'{head}{label}<input type="checkbox" id="{field}"{described}{checked}>{meaning}</div>'
    if parameter.kind == "numbers":
        return f"{head}{label}{_list_control(parameter, value, field, described)}{meaning}</div>"
    box = f'<input type="text" inputmode="decimal" autocomplete="off" id="{field}" value="{_plain(value)}"{described}>'
    return f"{head}{label}{_slider(model, parameter, value)}{box}{meaning}</div>"


def _slider(model: MiniModel, parameter: Parameter, value: Any) -> str:
    low, high = parameter.slider_limits(model)
    if value is None or parameter.words is not None or not high - low <= LONGEST_SLIDER:
        return ""
    step = parameter.step or (1 if parameter.kind == "whole" else "any")
    return (
        f'<input type="range" min="{low:.10g}" max="{high:.10g}" step="{step}" value="{value:.10g}" '
        f'aria-label="{escape(parameter.label)}, slider">'
    )


def _list_control(parameter: Parameter, value: Any, field: str, described: str) -> str:
    """A choice of data sets where there are any, and a box for the reader's own numbers."""
    words = list(parameter.words()) if parameter.words is not None else []
    own = not isinstance(value, str)
    text = "" if own is False or value is None else ", ".join(_plain(v) for v in value)
    hidden = "" if own or not words else " hidden"
    label = f"{escape(parameter.label)}: your own numbers" if words else escape(parameter.label)
    box_id = f"{field}-own" if words else field
    box = (
        f'<textarea id="{box_id}" aria-label="{label}" rows="2" spellcheck="false" '
        f'placeholder="numbers, with commas or line breaks between them"{described}{hidden}>{text}</textarea>'
    )
    if not words:
        return box
    options = "".join(_option(word, word == value) for word in words) + (
        f'<option value=""{" selected" if own else ""}>your own numbers …</option>'
    )
    return f'<select id="{field}"{described}>{options}</select>{box}'


def _option(value: str, selected: bool) -> str:
    chosen = " selected" if selected else ""
    return f'<option value="{escape(value)}"{chosen}>{escape(value.replace("_", " "))}</option>'


def _goals(model: MiniModel, texts: dict[str, str]) -> Iterator[str]:
    for judge, word in (("marketing", "Marketing"), ("firm", "The firm"), ("operations", "Operations")):
        goal = model.goal(judge)  # type: ignore[arg-type]
        yield (
            f'<div class="moi-goal moi-{judge}">'
            f'<p class="moi-judge">{_mark(judge)}{word} <span>wants {goal.better}</span></p>'
            f'<p class="moi-value" data-measure="{goal.name}">{texts[goal.name]}</p>'
            f'<p class="moi-label">{escape(goal.label)}{_per(goal)}</p></div>'
        )


def _questions() -> str:
    buttons = "".join(
        f'<button type="button" class="moi-{state}" data-state="{state}" title="{hint}" disabled>'
        f"{_mark(state)}{label}</button>"
        for state, label, hint in QUESTIONS
    )
    return (
        f'<div class="moi-questions" role="group" aria-label="Who chooses?">{buttons}'
        '<button type="button" class="moi-reset" data-reset disabled>Reset</button></div>'
    )


def _legend(model: MiniModel) -> str:
    """What the colours of the chart stand for, each beside a sample of its mark."""
    entries = "".join(
        f'<li><svg width="24" height="12" viewBox="0 0 24 12">{_sample(entry)}</svg>{escape(entry.label)}</li>'
        for entry in chart.legend(type(model))
    )
    return f'<ul class="moi-legend">{entries}</ul>' if entries else ""


def _sample(entry: chart.Entry) -> str:
    if entry.mark == "point":
        return f'<circle cx="12" cy="6" r="5" fill="{entry.colour}"/>'
    if entry.mark in ("bar", "rule"):
        return f'<rect x="7" width="10" height="12" fill="{entry.colour}"/>'
    dashes = f' stroke-dasharray="{" ".join(f"{d:g}" for d in entry.dashes)}"' if entry.dashes else ""
    ends = 'x1="6" x2="18"' if entry.mark == "tick" else 'x1="0" x2="24"'
    return f'<line {ends} y1="6" y2="6" stroke="{entry.colour}" stroke-width="2.5"{dashes}/>'


def _more(model: MiniModel, shown: dict[str, Any], outcome: Outcome) -> str:
    results = "".join(
        f'<tr><th scope="row">{escape(measure.label)}</th>'
        f'<td data-measure="{measure.name}">{shown["texts"][measure.name]}</td><td>{escape(measure.unit)}</td></tr>'
        for measure in model.measures
    )
    programme = model.programme()
    solved = (
        f'<details class="moi-programme"><summary>The linear programme</summary>'
        f'<pre tabindex="0"><code>{escape(programme)}</code></pre></details>'
        if programme is not None
        else ""
    )
    numbers = "".join(_table(table) for table in tables.in_words(model, outcome))
    return f"""<div class="moi-more">
<details class="moi-measures"><summary>All results</summary>
<div class="moi-scroll" tabindex="0" role="group" aria-label="All results">
<table><tbody>{results}</tbody></table></div></details>
<details class="moi-tables"><summary>The numbers behind the chart</summary>
<div class="moi-scroll" tabindex="0" role="group" aria-label="The numbers behind the chart">{numbers}</div></details>
<details class="moi-python"><summary>Show as Python</summary>
<pre tabindex="0"><code>{escape(shown["python"])}</code></pre></details>
{solved}
<button type="button" class="moi-share" data-share hidden>Copy a link to this setting</button>
</div>"""


def _table(table: tables.Table) -> str:
    """A table as HTML, for a page without a script; ``explorer.js`` makes the same of a later answer."""
    caption = f"<caption>{escape(table['title'])}</caption>" if table["title"] else ""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table["head"])
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(text)}</td>" for text in rest)}</tr>'
        for first, *rest in table["rows"]
    )
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _per(measure: Measure) -> str:
    unit = measure.unit.removeprefix("£").lstrip("/") if measure.form == "money" else measure.unit
    return f", {'a ' if measure.form == 'money' else ''}{escape(unit)}" if unit else ""


def _mark(side: str) -> str:
    return f'<span class="moi-mark" aria-hidden="true">{MARKS[side]}</span>' if MARKS.get(side) else ""


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _json(thing: Any) -> str:
    # A closing tag inside the data would end the script element.
    return json.dumps(thing, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
