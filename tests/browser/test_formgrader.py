"""nbgrader's formgrader in JupyterLab shows what `moi grade` has graded, and one answer in words is marked by hand."""

import csv
import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import expect

from moi.grading.demo_class import make
from moi.grading.exercises import ROOT, course_api

NAME = "tactical-forecasting"
STUDENTS = ("madeup-01", "madeup-02")
PAGE = (ROOT / "book" / "teach" / "grading.md").read_text("utf-8")


def typed(folder, *command):
    """Run a program of the course's environment in ``folder``; return what it printed."""
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    ended = subprocess.run(
        [programs / command[0], *command[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """nbgrader's API in a demonstration class of two students, whose work `moi grade` has graded."""
    folder = tmp_path_factory.mktemp("formgrader").resolve() / "demo-class"
    make(folder, NAME, len(STUDENTS), ROOT / "tests" / "exercises" / "tactical_forecasting")
    add_script(folder / "submitted" / STUDENTS[0] / NAME / f"{NAME}.ipynb")
    typed(folder, "moi", "grade", NAME, "--workers", "2")
    return course_api(folder)


def add_script(file):
    """Have the answer in words, and what a cell shows, try to change the page on which they are read."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.id == "judgement":
            cell.source += (
                "\n\n<img src=x onerror=\"document.title = 'changed'\"><script>document.title = 'changed'</script>"
            )
        if cell.id == "july":
            cell.source += (
                "\nfrom IPython.display import HTML\nHTML('<script>document.title = \"changed\"</script>Shown.')"
            )
    nbformat.write(notebook, file)


@pytest.fixture(scope="module")
def lab_address(graded, tmp_path_factory):
    """The address of a JupyterLab that the page's own command starts in the folder of the class."""
    (command,) = re.findall(r"^\$ jupyter (lab)$", PAGE, re.MULTILINE)
    home = tmp_path_factory.mktemp("formgrader-home")
    beside = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PATH": os.pathsep.join([beside, os.environ["PATH"]]),
    }
    token = secrets.token_hex()
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={token}"]
    with open(home / "log", "wb") as log:
        server = subprocess.Popen(
            ["jupyter", command, *options],
            cwd=graded.coursedir.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    give_up = time.monotonic() + 120
    while not (started := list((home / "runtime").glob("jpserver-*.json"))):
        if server.poll() is not None or time.monotonic() > give_up:
            server.terminate()
            pytest.fail(f"JupyterLab did not start:\n{(home / 'log').read_text()}")
        time.sleep(0.2)
    yield f"{json.loads(started[0].read_text())['url']}lab?reset&token={token}"
    server.terminate()
    server.wait(30)


def test_answer_in_words_is_marked_in_the_formgrader(graded, lab_address, page):
    from nbgrader.api import Gradebook

    here = urlsplit(lab_address).netloc
    # Formulas are typeset by MathJax from another host: marking must not need it.
    page.route(lambda url: urlsplit(url).netloc != here, lambda route: route.abort())
    page.goto(lab_address)
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Formgrader").click()
    formgrader = page.frame_locator("iframe").first
    # The lists follow each other under links of the same name: each is there once the trail at the top says so.
    trail = formgrader.locator(".breadcrumb .active")
    formgrader.get_by_role("link", name="Manual Grading").click()
    expect(trail).to_have_text("Manual Grading")
    formgrader.locator("tbody").get_by_role("link", name=NAME).click()
    expect(trail).to_have_text(NAME)
    formgrader.locator("tbody").get_by_role("link", name=NAME).click()
    rows = formgrader.locator("tbody tr", has_text="Submission #")
    expect(rows.filter(has_text="0 / 3")).to_have_count(len(STUDENTS))
    rows.get_by_role("link", name="Submission #1").click()
    expect(formgrader.get_by_text("How this is marked.")).to_be_visible()
    # What the tests gave stands at each of their cells.
    given = formgrader.locator(".nbgrader_cell", has_text="check_july()").first.locator("input.score")
    expect(given).to_have_attribute("placeholder", re.compile(r"^[01](\.0)?$"))
    expect(formgrader.locator("pre", has_text=re.compile("^[✓✗] ")).first).to_have_css("white-space", "pre-wrap")
    answer = formgrader.locator(".nbgrader_cell", has_text="Student's answer").last
    answer.locator("input.score").fill("2.5")
    answer.locator("input.score").press("Tab")
    expect(answer.locator(".score-saved")).to_be_visible()
    answer.locator("textarea").fill("Both sides are weighed.")
    answer.locator("textarea").press("Tab")
    expect(answer.locator(".comment-saved")).to_be_visible()
    assert formgrader.locator("title").inner_text() not in ("", "changed")
    formgrader.get_by_role("link", name="Next").first.click()
    trail = formgrader.locator(".breadcrumb")
    expect(trail).to_contain_text("Submission #2")
    assert formgrader.locator("title").inner_text() not in ("", "changed")
    trail.get_by_role("link", name=NAME).last.click()
    expect(rows.filter(has_text="2.5 / 3")).to_have_count(1)

    with Gradebook(graded.coursedir.db_url, graded.coursedir.course_id) as gradebook:
        notebooks = [gradebook.find_submission(NAME, student).notebooks[0] for student in STUDENTS]
        marks = [grade for notebook in notebooks for grade in notebook.grades if grade.name == "judgement"]
        (mark,) = [grade for grade in marks if grade.manual_score is not None]
        (said,) = [comment for comment in mark.notebook.comments if comment.name == "judgement"]
        assert (mark.manual_score, mark.needs_manual_grade) == (2.5, False)
        assert said.manual_comment == "Both sides are weighed."

    marked = STUDENTS[notebooks.index(mark.notebook)]
    folder = Path(graded.coursedir.root)
    assert f"{NAME}: 0 graded, 2 skipped as done" in typed(folder, "moi", "grade", NAME)
    typed(folder, "moi", "grade", NAME, "--force")
    typed(folder, "nbgrader", "generate_feedback", NAME)
    typed(folder, "nbgrader", "export")
    feedback = (folder / "feedback" / marked / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Both sides are weighed." in feedback and "2.5 of 3 points" in feedback
    with Gradebook(graded.coursedir.db_url, graded.coursedir.course_id) as gradebook:
        submission = gradebook.find_submission(NAME, marked)
        (mark,) = (grade for grade in submission.notebooks[0].grades if grade.name == "judgement")
        assert (mark.manual_score, mark.score) == (2.5, 2.5)
        with open(folder / "grades.csv", encoding="utf-8", newline="") as table:
            (line,) = (line for line in csv.DictReader(table) if line["student_id"] == marked)
        assert float(line["score"]) == submission.score
