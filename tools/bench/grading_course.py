"""The small course that grading is measured with: six functions, two points each, on a table of a year's sales."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "week"
SALES = "month,litres,price\n" + "".join(
    f"{month},{litres},{price}\n"
    for month, (litres, price) in enumerate(
        zip((210, 225, 280, 340, 430, 510, 560, 540, 400, 300, 235, 220), (3.2, 3.2, 3.1) * 4, strict=True), 1
    )
)
START = """import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

sales = pd.read_csv("sales.csv")
sales.head()"""
LOOK = "draw(sales)\nplt.show()"


@dataclass(frozen=True)
class Task:
    """A function to write: its head, what it says it does, three bodies, and a test."""

    name: str
    head: str
    does: str
    body: str
    also: str  # as right as the first
    slip: str  # a mistake that people make
    test: str
    hidden: str

    def written(self, body: str) -> str:
        return f'def {self.head}:\n    """{self.does}"""\n' + "\n".join(f"    {line}" for line in body.splitlines())


TASKS = (
    Task(
        "average",
        "moving_average(values, n)",
        "The mean of each run of ``n`` neighbours, as an array.",
        "kernel = np.ones(n) / n\nreturn np.convolve(values, kernel, mode='valid')",
        "return np.array([np.mean(values[i : i + n]) for i in range(len(values) - n + 1)])",
        "return np.convolve(values, np.ones(n) / n, mode='same')",
        "assert np.allclose(moving_average([1, 2, 3, 4], 2), [1.5, 2.5, 3.5])",
        "assert np.allclose(moving_average(sales['litres'].to_numpy(), 3)[:2], [715 / 3, 845 / 3])",
    ),
    Task(
        "quarters",
        "by_quarter(table)",
        "Litres sold in each quarter, a Series with the index 1 to 4.",
        "quarter = (table['month'] - 1) // 3 + 1\nreturn table.groupby(quarter)['litres'].sum()",
        "quarter = ((table['month'] + 2) / 3).astype(int)\nreturn table['litres'].groupby(quarter).sum()",
        "quarter = table['month'] // 3 + 1\nreturn table.groupby(quarter)['litres'].sum()",
        "found = by_quarter(sales)\nassert list(found.index) == [1, 2, 3, 4], 'one row for each quarter'",
        "assert found.tolist() == [715, 1280, 1500, 755]\nassert 'quarter' not in sales.columns",
    ),
    Task(
        "accuracy",
        "accuracy(actual, forecast)",
        "A dictionary of ``bias`` (actual less forecast, on average) and ``mad``.",
        "error = np.asarray(actual) - np.asarray(forecast)\nreturn {'bias': error.mean(), 'mad': np.abs(error).mean()}",
        "errors = [a - f for a, f in zip(actual, forecast)]\n"
        "return {'bias': sum(errors) / len(errors), 'mad': sum(map(abs, errors)) / len(errors)}",
        "error = np.asarray(forecast) - np.asarray(actual)\nreturn {'bias': error.mean(), 'mad': np.abs(error).mean()}",
        "assert set(accuracy([1, 2], [2, 4])) == {'bias', 'mad'}\nassert accuracy([1, 2], [2, 4])['mad'] == 1.5",
        "assert np.isclose(accuracy([10, 20, 30], [12, 16, 33])['bias'], -1 / 3), 'bias is actual less forecast'",
    ),
    Task(
        "lot",
        "lot_size(demand, setup, holding)",
        "The economic lot; ``ValueError`` where a cost is not above nothing.",
        "if setup <= 0 or holding <= 0:\n    raise ValueError('costs must be above 0')\n"
        "return (2 * demand * setup / holding) ** 0.5",
        "if min(setup, holding) <= 0:\n    raise ValueError(f'no cost: {setup}, {holding}')\n"
        "return float(np.sqrt(2 * demand * setup / holding))",
        "return (2 * demand * setup / holding) ** 0.5",
        "assert abs(lot_size(1000, 5, 4) - 50) < 1e-9",
        "for wrong in ((1000, 0, 4), (1000, 5, -1)):\n    try:\n        lot_size(*wrong)\n"
        "    except ValueError:\n        pass\n    else:\n        assert False, 'a cost of nothing must be refused'",
    ),
    Task(
        "best",
        "best_price(profit, prices)",
        "The price at which the function ``profit`` is highest.",
        "return max(prices, key=profit)",
        "values = [profit(p) for p in prices]\nreturn prices[int(np.argmax(values))]",
        "return max(profit(p) for p in prices)",
        "assert best_price(lambda p: p * (10 - p), [1, 3, 5, 7]) == 5",
        "assert best_price(lambda p: -abs(p - 2.5), np.arange(0, 5, 0.5)) == 2.5",
    ),
    Task(
        "picture",
        "draw(table)",
        "A line of litres by month, with both axes named; returns the Axes.",
        "fig, ax = plt.subplots()\nax.plot(table['month'], table['litres'])\n"
        "ax.set_xlabel('month')\nax.set_ylabel('litres')\nreturn ax",
        "ax = table.plot(x='month', y='litres', legend=False)\nax.set(xlabel='month', ylabel='litres')\nreturn ax",
        "fig, ax = plt.subplots()\nax.plot(table['month'], table['litres'])\nax.set_xlabel('month')\nreturn ax",
        "ax = draw(sales)\nassert len(ax.lines) == 1\nassert ax.get_xlabel() == 'month'",
        "assert ax.get_ylabel() == 'litres', 'the axis of litres has no name'\n"
        "assert list(ax.lines[0].get_ydata()) == sales['litres'].tolist()\nplt.close('all')",
    ),
)


def make(folder: Path, count: int) -> list[str]:
    """Write the course into ``folder`` with ``count`` honest submissions of :data:`NAME`; return their students."""
    source = _notebook([task.written(f"### BEGIN SOLUTION\n{task.body}\n### END SOLUTION") for task in TASKS])
    for place, text in (("source", source), ("submitted", None)):
        for student in ["."] if text else [f"student-{number:04}" for number in range(count)]:
            target = folder / place / student / NAME
            target.mkdir(parents=True)
            (target / "sales.csv").write_text(SALES, "utf-8")
            nbformat.write(text or handed_in(int(student[-4:])), target / f"{NAME}.ipynb")
    (folder / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "bench"\nc.Execute.timeout = 60\n', "utf-8"
    )
    return sorted(path.name for path in (folder / "submitted").iterdir())


def handed_in(number: int) -> nbformat.NotebookNode:
    """What student ``number`` hands in: each third task with a slip, each seventh not done, the others either way."""
    bodies = []
    for place, task in enumerate(TASKS):
        kind = 5 * number + 11 * place
        if kind % 7 == 3:
            bodies.append("# YOUR CODE HERE\nraise NotImplementedError()")
        else:
            bodies.append(task.slip if kind % 3 == 1 else task.also if kind % 2 else task.body)
    return _notebook([task.written(body) for task, body in zip(TASKS, bodies, strict=True)], hidden=False)


def _notebook(answers: list[str], hidden: bool = True) -> nbformat.NotebookNode:
    cells = [new_markdown_cell("# Sales of a year\n\nTwo points for each function."), new_code_cell(START)]
    for task, answer in zip(TASKS, answers, strict=True):
        cells.append(_marked(new_code_cell(answer), task.name, solution=True))
        test = task.test + (f"\n### BEGIN HIDDEN TESTS\n{task.hidden}\n### END HIDDEN TESTS" if hidden else "")
        cells.append(_marked(new_code_cell(test), f"test-{task.name}", points=2.0))
    cells.append(new_code_cell(LOOK))
    for place, cell in enumerate(cells):
        cell.id = f"cell-{place}"
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _marked(cell: nbformat.NotebookNode, name: str, solution: bool = False, points: float = 0) -> nbformat.NotebookNode:
    grade = {"grade": points > 0, "points": points} if points else {"grade": False}
    cell.metadata["nbgrader"] = {
        "schema_version": 3, "grade_id": name, "locked": points > 0, "solution": solution, "task": False, **grade,
    }  # fmt: skip
    return cell
