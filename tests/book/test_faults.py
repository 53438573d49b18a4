"""A fault in a page stops the build: each page here has one, and the build names it."""

import pytest

HEAD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

"""
QUIZ = ":::{quiz}\n%s\nWhich?\n\n%s\n:::\n"
FAULTS = {
    "term": ("A {term}`word that nobody explains`.", "word that nobody explains"),
    "citation": ("As {cite:t}`nobody1900nothing` says.", "nobody1900nothing"),
    "link": ("See [the next page](no-such-page.md).", "no-such-page"),
    "anchor": ("See {ref}`a part <no-such-part>`.", "no-such-part"),
    "formula": (r"The level is $\frac{1}{$.", "a formula cannot be set"),
    "command": (r"The level is $\nosuchcommand$.", "a formula cannot be set"),
    "heading": ("### Too deep\n", "H1 to H3"),
    "unreasoned": (QUIZ % ("", "- [x] This\n- [ ] That\n  > No."), "every answer needs its reason"),
    "unmarked": (QUIZ % ("", "- This\n  > Yes.\n- That\n  > No."), "begins with [x], [ ] or a number"),
    "two_right": (QUIZ % ("", "- [x] This\n  > Yes.\n- [x] That\n  > Yes."), "has one right answer"),
    "near": (QUIZ % (":answer: 10\n", "- [x] Yes.\n- [10.2] No.\n- [ ] No."), "would be taken for the right one"),
    "unglued": (QUIZ % (":answer: '{glue}nothing'\n", "- [x] Yes.\n- [ ] No."), "nothing is glued as 'nothing'"),
    "untimed": ("```{outcomes}\n- {id: a, can: do it}\n```", "needs :minutes:"),
    "outcome": ("```{outcomes}\n:minutes: 5\n- {id: a, may: do it}\n```", "an outcome has id and can"),
    "quiz": ("```{outcomes}\n:minutes: 5\n\n- {id: a, can: do it, quiz: no-quiz}\n```", "not on this page"),
    "assignment": (
        "```{outcomes}\n:minutes: 5\n:assignment: none\n\n- {id: a, can: do it}\n```",
        "no assignment 'none'",
    ),
    "task": (
        "```{outcomes}\n:minutes: 5\n:assignment: tactical-forecasting\n\n- {id: a, can: do it, task: august}\n```",
        "there is no task 'august'",
    ),
    "mirror": ("```{mirror}\n```", "put the outcomes at the head"),
    "unmapped": ("```{outcomes}\n:minutes: 5\n\n- {id: a, can: do it}\n```", "no box of the decision map"),
    "section": ("```{outcomes}\n:minutes: 5\n\n- {id: a, can: do it, section: nowhere}\n```", "nowhere"),
    "unanswered": (":::{ask} Why?\nThink.\n:::", "three dashes"),
}


@pytest.fixture(scope="module")
def built(build_book):
    pages = {f"fault_{name}": f"# A page\n\n{text}\n" for name, (text, _) in FAULTS.items()}
    return build_book(index="# A book\n\n```{decision-map}\n```\n", **pages)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_named_with_its_page(built, name):
    assert built.status != 0
    mine = [line for line in built.said.splitlines() if f"fault_{name}.md" in line]
    assert any(FAULTS[name][1] in line for line in mine), "\n".join(mine) or "the build says nothing about this page"


def test_a_broken_cell_stops_the_build(build_book):
    built = build_book(index=HEAD + "```{code-cell} python\nprice = 3\npice * 2\n```\n")
    assert built.status != 0
    assert "name 'pice' is not defined" in built.said
