"""What a learner can do: the mirror of a page, the outcomes of the course, and the map that leads to each chapter."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from moi import decisions
from moi.book.outcomes import graded_tasks, missing
from moi.grading.exercises import ROOT

MAP = """# A map

```{outcomes}
:minutes: 15

- {id: place, can: place a decision, section: levels, quiz: quiz-a}
```

(levels)=
## Three levels

```{decision-map}
```

```{decision-map}
:wider:
```

```{decision-levels}
```

:::{quiz}
:name: quiz-a
Which?

- [x] This
  > Yes.
- [ ] That
  > No.
:::

```{mirror}
```
"""
CHAPTER = """# Forecasting

```{outcomes}
:minutes: 60
:assignment: tactical-forecasting

- {id: tell, can: tell *season* from trend, section: pattern, quiz: quiz-a, task: [july, december]}
```

(pattern)=
## The pattern

```{raw} html
<figure class="moi-explorer" id="moi-variety-1" data-model="variety"></figure>
```

:::{quiz}
:name: quiz-a
Which?

- [x] This
  > Yes.
- [ ] That
  > No.
:::

```{mirror}
```
"""
WHOLE = "# Outcomes\n\n```{course-outcomes}\n```\n"
RELEASE = "exercises/tactical-forecasting/tactical-forecasting.ipynb"


@pytest.fixture(scope="module")
def built(build_book):
    chapter = {"planning/tactical-forecasting": CHAPTER, "reference/outcomes": WHOLE}
    built = build_book(index=MAP, **chapter)
    assert built.status == 0, built.said
    return built


@pytest.fixture(scope="module")
def soup(built):
    return lambda name: BeautifulSoup(built.page(name), "html.parser")


def links(node):
    return {a["href"]: a.get_text() for a in node.select("a[href]")}


def test_the_mirror_leads_back_to_the_place_and_on_to_the_exercise(soup):
    mirror = soup("planning/tactical-forecasting").select_one(".mirror")
    assert "tell season from trend" in mirror.get_text()
    assert links(mirror) == {
        "#pattern": "The pattern",
        "#quiz-a": "self-check",
        f"../{RELEASE}": "2. A shop that lives on December",  # the last of the two tasks, which share their notebook
    }
    assert "1. How high is July?" in mirror.get_text()


def test_the_notebook_behind_a_task_is_the_release_and_never_the_solution(built):
    assert (built.folder / RELEASE).read_bytes() == (ROOT / RELEASE).read_bytes()
    assert "BEGIN SOLUTION" not in (built.folder / RELEASE).read_text("utf-8")


def test_a_quiz_of_the_same_name_on_another_page_is_not_mistaken_for_it(soup):
    sections = soup("reference/outcomes").select("main section section")
    assert [section.h2.a.get_text() for section in sections] == ["A map", "Forecasting"]
    first, second = (links(section) for section in sections)
    assert "../index.html#quiz-a" in first and "../planning/tactical-forecasting.html#quiz-a" not in first
    assert "../planning/tactical-forecasting.html#quiz-a" in second and "../index.html#quiz-a" not in second


def test_the_outcomes_of_the_course_name_text_model_and_exercise_of_each(soup):
    section = soup("reference/outcomes").select("main section section")[1]
    (row,) = section.select("tbody tr")
    can, taught, shown = row.select("td")
    assert can.get_text().strip() == "tell season from trend" and can.em.get_text() == "season"
    assert links(taught) == {"../planning/tactical-forecasting.html#pattern": "The pattern"}
    assert "1. How high is July?" in shown.get_text() and "self-check" in shown.get_text()
    assert links(section)["../planning/tactical-forecasting.html#moi-variety-1"] == "How many variants?"


def test_outcomes_of_a_small_book_lack_nothing(built):
    records = json.loads((built.folder / "outcomes.json").read_text("utf-8"))
    assert [record["models"] for record in records] == [{"decision-map": "decision-map"}, {"variety": "moi-variety-1"}]
    assert [lack for record in records for lack in missing(record)] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"models": {}}, "no model to explore"),
        ({"mirror": False}, "no mirror"),
        ({"outcomes": [{"id": "a", "can": "do it", "quiz": "q"}]}, "a names no section"),
        ({"outcomes": [{"id": "a", "can": "do it", "section": "s"}]}, "a names no exercise"),
    ],
)
def test_what_is_missing_is_named(change, says):
    whole = {"id": "a", "can": "do it", "section": "s", "task": "t"}
    record = {"page": "p", "models": {"variety": "x"}, "mirror": True, "outcomes": [whole]}
    assert missing(record) == []
    (lack,) = missing(record | change)
    assert says in lack and lack.startswith("p: ")


def test_every_outcome_of_the_course_has_its_text_its_model_and_its_exercise(html):
    records = json.loads((html / "outcomes.json").read_text("utf-8"))
    assert records
    assert [lack for record in records for lack in missing(record)] == []


def test_tasks_are_the_graded_answers_with_the_titles_above_them():
    tasks = graded_tasks("tactical-forecasting")
    assert tasks["july"] == "1. How high is July?" and tasks["judgement"] == "14. One number for the firm"
    assert "check-july" not in tasks and "data" not in tasks


def test_each_box_of_the_map_leads_to_its_chapter_or_says_that_there_is_none(soup):
    boxes = {box.select_one(".map-area").get_text(): box for box in soup("index").select(".map-box")}
    areas = [area for level in decisions.LEVELS for area in level.areas] + list(decisions.WIDER)
    assert list(boxes) == [area.title for area in areas]
    for area in areas:
        box = boxes[area.title]
        if "planning/tactical-forecasting" in area.pages:
            assert links(box) == {"planning/tactical-forecasting.html": "Chapter: Forecasting"}
            assert "map-empty" not in box["class"] and "No chapter yet" not in box.get_text()
        else:
            assert links(box) == {} and "map-empty" in box["class"] and "No chapter yet" in box.get_text()


def test_the_map_is_told_in_words_and_groups_each_level_under_its_name(soup):
    figure = soup("index").select_one("figure.decision-map")
    words = figure.figcaption.get_text()
    assert all(area.title.lower() in words for level in decisions.LEVELS for area in level.areas)
    without = re.search("No chapter yet: (.*)", words)[1]
    assert "demand management" in without and "tactical forecasting" not in without
    for group in figure.select("[role=group]"):
        assert figure.find(id=group["aria-labelledby"]).get_text(strip=True)
    assert len(figure.select("[role=group]")) == len(decisions.LEVELS)


def test_the_table_of_the_areas_names_what_each_function_brings(soup):
    rows = {row.select("td")[1].get_text(strip=True): row for row in soup("index").select("tbody tr")}
    for level in decisions.LEVELS:
        for area in level.areas:
            cells = [cell.get_text(strip=True) for cell in rows[area.title].select("td")]
            assert cells == [level.name, area.title, area.marketing, area.operations] and all(cells)


def test_no_two_areas_claim_one_name_and_every_area_awaits_a_chapter():
    names = [area.name for area in decisions.areas()]
    assert len(set(names)) == len(names)
    assert all(area.pages for area in decisions.areas())
