"""The page and the kernel give the same results for the same state, for every model, over a grid of states."""

import json
import math

import hypothesis
import pytest
from hypothesis import strategies

from moi.explore.answering import answer
from moi.models import all_models

STATES = 40
RELATIVE = 1e-9


@pytest.fixture(scope="module")
def python(browser, site):
    """Asks the worker that a page starts, as the page does."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site + "index.html")
    page.evaluate(
        """async () => {
            const worker = new Worker("_static/moi/worker.js", { type: "module" });
            await new Promise((resolve, reject) => {
                worker.onmessage = ({ data }) => (data.ready ? resolve() : reject(new Error(data.failed)));
            });
            window.ask = (requests) => new Promise((resolve) => {
                const answers = [];
                worker.onmessage = ({ data }) => {
                    answers[data.id] = data.answer ?? JSON.stringify({ broken: data.broken });
                    if (answers.filter(Boolean).length === requests.length) resolve(answers);
                };
                requests.forEach((request, id) => worker.postMessage({ id, request }));
            });
        }"""
    )
    yield lambda requests: [json.loads(text) for text in page.evaluate("ask", [json.dumps(r) for r in requests])]
    context.close()


def grid(model, states):
    """The defaults, and states drawn from the model's own declaration: the same ones each time."""
    drawn = [{}]

    @hypothesis.settings(max_examples=STATES, phases=[hypothesis.Phase.generate])
    @hypothesis.given(strategies.data())
    def draw(source):
        drawn.append(source.draw(states(model)))

    draw()
    return drawn


@pytest.mark.parametrize("name", list(all_models()))
def test_same_results_in_page_and_kernel(python, states, name):
    requests = [{"model": name, "values": values} for values in grid(all_models()[name], states)]
    here = [json.loads(json.dumps(answer(request))) for request in requests]
    there = python(requests)
    assert sum("measures" in found for found in here) >= STATES // 4, "the grid should hold states that compute"
    for request, a, b in zip(requests, here, there, strict=True):
        assert difference(a, b) is None, f"{request['values']}: {difference(a, b)}"


@pytest.mark.parametrize("name", list(all_models()))
def test_same_comparison_in_page_and_kernel(python, name):
    request = {"model": name, "values": {}, "compare": True}
    (there,) = python([request])
    assert difference(json.loads(json.dumps(answer(request))), there) is None


def difference(a, b, where="answer"):
    """The first place where two answers differ, ``None`` where they do not."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return next((found for key in a if (found := difference(a[key], b[key], f"{where}.{key}"))), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return next((found for i, (x, y) in pairs if (found := difference(x, y, f"{where}[{i}]"))), None)
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    same = math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-12) if numbers else a == b
    return None if same else f"{where}: {a!r} here, {b!r} in the page"
