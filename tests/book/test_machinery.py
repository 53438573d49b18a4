"""What the extension makes of a page: outcomes, folded answers, notebooks, formulas; and when it runs again."""

import io
import json

import matplotlib.pyplot as plt
import nbformat
import pytest
from PIL import Image, ImageChops

from moi.book import maths, reference
from moi.book.execution import fingerprint
from moi.book.figures import lightened
from moi.book.notebooks import binder_link, public_address
from moi.book.theme import mended
from moi.book.weight import compressed
from moi.models import all_models

PAGE = r"""---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

```{outcomes}
:minutes: 40
:assignment: tactical-forecasting

- id: tell
  can: tell *season* from trend
  section: pattern
  quiz: quiz-a
  task: july
```

(pattern)=
## The pattern

As {cite:t}`winters1960forecasting` says, $y_t$ is smoothed {cite:p}`holt1957forecasting`.

:::{ask} What comes next?
Think first.

---
A season later.
:::

:::{quiz}
:name: quiz-a
Which?

- [x] This
  > Yes.
- [ ] That
  > No.
:::

```{code-cell} python
import os
print("book", os.environ["MOI_BOOK"])
```

```{code-cell} python
:tags: [remove-cell]
from myst_nb import glue
glue("profit", "£154 783", display=False)
```

## The rest

Profit is {glue:text}`profit`, by {numref}`of-all` and [the pattern](pattern) at 5 < 6.

:::{list-table} Of all
:name: of-all
:header-rows: 1

* - What
  - How many
* - cones
  - 3 a | b
:::

:::{admonition} Beware
Of *this*.
:::

$$
y_t = a
$$

1. first
   - inner
2. second

:::{quiz}
:answer: "12.5"
:decimals: 1
:unit: £
How much?

- [x] Half of it.
- [ ] Think.
:::
"""


@pytest.fixture(scope="module")
def built(build_book):
    built = build_book(index=PAGE, references="# References\n\n```{bibliography}\n```\n")
    assert built.status == 0, built.said
    return built


def test_outcomes_are_shown_linked_and_collected(built):
    (record,) = json.loads((built.folder / "outcomes.json").read_text("utf-8"))
    assert record["page"] == "index" and record["minutes"] == 40 and record["assignment"] == "tactical-forecasting"
    assert record["outcomes"][0] == {
        "id": "tell",
        "can": "tell *season* from trend",
        "section": "pattern",
        "quiz": "quiz-a",
        "task": "july",
    }
    page = built.page("index")
    assert 'id="outcome-tell"' in page and "tell <em>season</em> from trend" in page
    assert 'href="#pattern"' in page and 'href="#quiz-a"' in page and "about 40 minutes" in page


def test_an_answer_is_folded_after_its_question(built):
    page = built.page("index")
    question, answer = page.index("What comes next?"), page.index("A season later.")
    assert question < page.index("Think first.") < page.index('<details class="fold">', question) < answer


def test_a_page_with_code_is_a_notebook_to_take_away_and_one_without_is_not(built):
    notebook = nbformat.read(built.folder / "notebooks" / "index.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert any(cell.cell_type == "code" and "MOI_BOOK" in cell.source for cell in notebook.cells)
    assert 'href="notebooks/index.ipynb"' in built.page("index")
    assert not (built.folder / "notebooks" / "references.ipynb").exists()
    assert "Download this page" not in built.page("references")


def test_a_notebook_to_take_away_says_in_plain_markdown_what_the_page_says(built):
    notebook = nbformat.read(built.folder / "notebooks" / "index.ipynb", as_version=4)
    # A cell that leaves no trace in the page comes before the next that does, or at the end.
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "markdown", "code"]
    assert notebook.cells[3].metadata["jupyter"]["source_hidden"] and "jupyter" not in notebook.cells[1].metadata
    first, last = notebook.cells[0].source, notebook.cells[2].source
    assert first.startswith("# A page\n\n") and "\n\n## The pattern\n\n" in first
    assert "- tell *season* from trend\n" in first
    assert "As Winters (1960) says, $y_t$ is smoothed (Holt, 1957)." in first
    assert "**First ask yourself: What comes next?**\n\nThink first.\n\n<details><summary>Show the answer" in first
    assert "**Check yourself.** Which?\n\n- This\n- That\n\n<details>" in first
    assert "- **Right:** This\n\n  Yes.\n- **Not right:** That\n\n  No.\n\n</details>" in first
    assert last.startswith("## The rest\n\nProfit is £154 783, by Table 1 and the pattern at 5 \\< 6.")
    assert "*Of all*\n\n| What | How many |\n| --- | --- |\n| cones | 3 a \\| b |" in last
    assert "> **Beware**\n>\n> Of *this*." in last
    assert "$$\ny_t = a\n$$" in last
    assert "1. first\n\n   - inner\n2. second" in last
    assert "Answer: 12.5 £\n\n- **Right:** Half of it.\n- **Not right:** Think." in last


def test_cells_know_that_they_run_for_the_book(built):
    assert "book 1\n" in built.page("index")


def test_citations_are_by_author_and_year(built):
    text = built.page("index")
    assert "Winters (<a" in text and "(<a" in text and ">Holt, 1957</a>)" in text
    listed = built.page("references")
    assert listed.index("Holt") < listed.index("Winters")


def test_formulas_are_set_at_build_time_with_mathml_for_screen_readers(built):
    page = built.page("index")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML"' in page and "katex.min.css" in page
    # A page without formulas does without the style sheet.
    assert "katex" not in built.page("references")
    with pytest.raises(maths.FormulaError, match="Undefined control sequence"):
        maths.typeset(r"\nosuchcommand", False)


def test_pages_run_again_when_a_model_or_a_data_set_changes_and_only_then(tmp_path):
    package, data = tmp_path / "moi", tmp_path / "data"
    for file in ("models/variety.py", "book/quiz.py", "book.mplstyle"):
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text("1")
    data.mkdir()
    (data / "sales.csv").write_text("1")
    (tmp_path / "tests" / "grading").mkdir(parents=True)
    (tmp_path / "tests" / "grading" / "kinds.toml").write_text("1")
    at_first = fingerprint(package, data)
    (package / "book/quiz.py").write_text("2")
    assert fingerprint(package, data) == at_first
    shown = tmp_path / "tests" / "grading" / "kinds.toml"
    for changed in (package / "models/variety.py", data / "sales.csv", package / "book.mplstyle", shown):
        changed.write_text("2")
        assert fingerprint(package, data) != at_first
        changed.write_text("1")
    assert fingerprint(package, data) == at_first


@pytest.mark.parametrize(
    ("address", "start"),
    [
        (
            "https://github.com/owner/course",
            "https://mybinder.org/v2/gh/owner/course/HEAD?urlpath=lab%2Ftree%2Fbook%2Fa.md",
        ),
        (
            "https://gitlab.com/owner/course",
            "https://mybinder.org/v2/gl/owner%2Fcourse/HEAD?urlpath=lab%2Ftree%2Fbook%2Fa.md",
        ),
        ("", None),
        ("https://example.org/owner/course", None),
    ],
)
def test_binder_link_needs_an_address_that_binder_knows(address, start):
    assert binder_link(address, "book/a.md") == start


def test_the_public_address_is_one_setting(tmp_path):
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.moi]\nrepository = "https://github.com/owner/course/"\n')
    assert public_address(settings) == "https://github.com/owner/course"
    settings.write_text("[project]\n")
    assert public_address(settings) == ""


@pytest.mark.parametrize("name", sorted(all_models()))
def test_the_reference_lists_every_parameter_and_measure_of_every_model(name):
    model = all_models()[name]
    text = reference.as_markdown(model)
    for listed in [*model.parameters, *(measure.name for measure in model.measures)]:
        assert f"`{listed}`" in text
    for parameter in model.parameters.values():
        assert parameter.label in text


def test_known_faults_of_other_tools_are_mended():
    assert mended("<tr><th></th><th>sales</th></tr>") == "<tr><td></td><th>sales</th></tr>"


def test_weight_counts_a_body_as_a_server_would_send_it():
    assert compressed(b"a" * 10_000) < 100
    noise = bytes((i * i * 2654435761 >> 7) % 256 for i in range(64))
    assert compressed(noise) == len(noise)


def test_a_chart_keeps_its_looks_at_half_the_bytes_or_less():
    with plt.style.context("moi.book"):
        figure, axes = plt.subplots()
        for start in range(4):
            axes.plot(range(start, start + 9), label=f"series {start}")
        axes.set(title="Four series", xlabel="month", ylabel="units")
        axes.legend()
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
        plt.close(figure)
    light = lightened(drawn.getvalue())
    assert len(light) < len(drawn.getvalue()) / 2
    before, after = (Image.open(io.BytesIO(picture)).convert("RGB") for picture in (drawn.getvalue(), light))
    assert before.size == after.size
    # No pixel of the picture is off by more than a shade of its anti-aliased edges.
    assert max(high for _, high in ImageChops.difference(before, after).getextrema()) < 48
    assert lightened(light) == light
