"""nbgrader's formgrader in JupyterLab, as the instructor page describes it: one answer in words is marked by hand."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from moi.grading.demo_class import make
from moi.grading.exercises import ROOT, course_api, done

NAME = "tactical-forecasting"
STUDENTS = ("madeup-01", "madeup-02")
PAGE = (ROOT / "book" / "teach" / "grading.md").read_text("utf-8")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """nbgrader's API in a demonstration class of two students, whose work the tests have graded."""
    folder = tmp_path_factory.mktemp("formgrader").resolve() / "demo-class"
    make(folder, NAME, len(STUDENTS), ROOT / "tests" / "exercises" / "tactical_forecasting")
    api = course_api(folder)
    done(api.generate_assignment(NAME))
    for student in STUDENTS:
        done(api.autograde(NAME, student))
    return api


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
    formgrader.get_by_role("link", name="Manual Grading").click()
    formgrader.get_by_role("link", name=NAME).click()
    # Past the trail of links at the top: the notebook in the list.
    formgrader.locator("tbody").get_by_role("link", name=NAME).click()
    rows = formgrader.locator("tbody tr", has_text="Submission #")
    expect(rows.filter(has_text="0 / 3")).to_have_count(len(STUDENTS))
    rows.get_by_role("link", name="Submission #1").click()
    expect(formgrader.get_by_text("How this is marked.")).to_be_visible()
    answer = formgrader.locator(".nbgrader_cell", has_text="Student's answer").last
    answer.locator("input.score").fill("2.5")
    answer.locator("input.score").press("Tab")
    expect(answer.locator(".score-saved")).to_be_visible()
    answer.locator("textarea").fill("Both sides are weighed.")
    answer.locator("textarea").press("Tab")
    expect(answer.locator(".comment-saved")).to_be_visible()
    formgrader.get_by_role("link", name="Next").first.click()
    trail = formgrader.locator(".breadcrumb")
    expect(trail).to_contain_text("Submission #2")
    trail.get_by_role("link", name=NAME).last.click()
    expect(rows.filter(has_text="2.5 / 3")).to_have_count(1)

    with Gradebook(graded.coursedir.db_url, graded.coursedir.course_id) as gradebook:
        notebooks = [gradebook.find_submission(NAME, student).notebooks[0] for student in STUDENTS]
        marks = [grade for notebook in notebooks for grade in notebook.grades if grade.name == "judgement"]
        (mark,) = [grade for grade in marks if grade.manual_score is not None]
        (said,) = [comment for comment in mark.notebook.comments if comment.name == "judgement"]
        assert (mark.manual_score, mark.needs_manual_grade) == (2.5, False)
        assert said.manual_comment == "Both sides are weighed."
