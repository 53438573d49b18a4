"""The solver port: optimum, prices and statuses; an independent solver; and a Python that has no solver."""

import subprocess
import sys

import numpy
import pytest
from scipy import optimize

from moi import solver

DIET = "Minimize\n cost: 3 bread + 2 milk\nSubject To\n energy: bread + milk >= 4\nBounds\n milk <= 3\n{}End\n"


def test_optimum_variables_and_prices():
    found = solver.solve(DIET.format(""))
    assert (found.status, found.value) == ("optimal", 9)
    assert found.variables == {"bread": 1, "milk": 3}
    assert found.prices == {"energy": 3}  # one more unit of energy is one more of bread


def test_an_integer_programme_has_whole_values_and_no_prices():
    found = solver.solve(DIET.replace("4", "4.5").format("General\n bread milk\n"))
    assert (found.value, found.variables, found.prices) == (12, {"bread": 2, "milk": 3}, {})


@pytest.mark.parametrize(
    ("programme", "status"),
    [
        ("Minimize\n x\nSubject To\n a: x >= 2\n b: x <= 1\nEnd\n", "infeasible"),
        ("Minimize\n x + y\nSubject To\n a: x - y >= 2\n b: x + y <= 1\nEnd\n", "infeasible"),
        ("Maximize\n x\nSubject To\n a: x >= 2\nEnd\n", "unbounded"),
        ("Maximize\n x + y\nSubject To\n a: x - y <= 2\n b: x - 2 y <= 3\nEnd\n", "unbounded"),
        ("Minimize\n x\nSubject To\n a: 2 x = 3\nGeneral\n x\nEnd\n", "infeasible"),
    ],
)
def test_no_optimum_is_a_status(programme, status):
    found = solver.solve(programme)
    assert (found.status, found.value, dict(found.variables)) == (status, None, {})


@pytest.mark.parametrize("text", ["", "hello", "Minimize\n 3 <= >= x\nEnd\n"])
def test_what_is_no_programme_is_refused(text):
    with pytest.raises(solver.Unreadable):
        solver.solve(text)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("whole", [False, True])
def test_random_programmes_agree_with_scipy(seed, whole):
    """scipy is given matrices, the port text; feasible by construction."""
    random = numpy.random.default_rng(seed)
    matrix = random.integers(1, 10, (5, 6))
    costs, least = random.integers(1, 30, 6), random.integers(10, 100, 5)
    rows = "\n".join(
        f" r{i}: " + " + ".join(f"{a} x{j}" for j, a in enumerate(row)) + f" >= {b}"
        for i, (row, b) in enumerate(zip(matrix, least, strict=True))
    )
    text = "Minimize\n " + " + ".join(f"{c} x{j}" for j, c in enumerate(costs)) + f"\nSubject To\n{rows}\n"
    text += ("General\n " + " ".join(f"x{j}" for j in range(6)) + "\n" if whole else "") + "End\n"
    theirs = optimize.milp(
        costs, constraints=optimize.LinearConstraint(matrix, least), integrality=numpy.full(6, int(whole))
    )
    ours = solver.solve(text)
    assert ours.value == pytest.approx(theirs.fun, rel=1e-9)
    x = numpy.array([ours.variables[f"x{j}"] for j in range(6)])
    assert (matrix @ x >= least - 1e-6).all() and costs @ x == pytest.approx(ours.value)


def test_without_a_solver_one_sentence_says_how_to_get_one():
    """A Python in which highspy cannot be imported: the models load, and solving says what is missing."""
    code = (
        "import sys; sys.modules['highspy'] = None\n"
        "from moi import models, solver\n"
        "models.all_models()\n"
        "try: solver.solve('Minimize x End')\n"
        "except solver.NoSolver as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("install one with `pip install highspy`.")
