"""The one port to a linear-programming solver: a programme as readable text in, its optimum out.

The text is in CPLEX's LP format (``Minimize``, ``Subject To``, ``Bounds``, ``General``, ``End``). HiGHS solves it: as
the Python package ``highspy`` in a kernel, as WebAssembly in a page, whose worker registers it as ``moi_highs``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Status = Literal["optimal", "infeasible", "unbounded", "stopped"]

# An integer programme is solved to the end, not to within HiGHS's usual hundredth of a per cent; one too large for
# that stops after the same number of steps everywhere, which a limit in seconds would not.
OPTIONS: dict[str, Any] = {"output_flag": False, "parallel": "off", "mip_rel_gap": 0.0, "mip_max_nodes": 5_000}
_STATUSES: dict[str, Status] = {"Optimal": "optimal", "Infeasible": "infeasible", "Unbounded": "unbounded"}
_UNDECIDED = "Primal infeasible or unbounded"


class NoSolver(RuntimeError):
    """No solver can be had here; ``str(error)`` says how to get one."""


class Unreadable(ValueError):
    """The text is not a programme in LP format."""


@dataclass(frozen=True)
class Solution:
    """What the solver found.

    ``value`` is the objective and ``variables`` maps each variable's name to its value; both are empty unless
    ``status`` is ``optimal``. ``prices`` maps each constraint's name to the change of the objective for one unit more
    on its right-hand side (none for an integer programme).
    """

    status: Status
    value: float | None = None
    variables: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)


def solve(programme: str) -> Solution:
    """Solve ``programme``, text in LP format. What has no optimum is a status, not an error.

    Raises :class:`NoSolver` where there is none and :class:`Unreadable` where the text cannot be read.

    >>> found = solve("Minimize\\n cost: 3 bread + 2 milk\\nSubject To\\n energy: bread + milk >= 4\\n"
    ...               "Bounds\\n milk <= 3\\nEnd\\n")
    >>> found.status, found.value, dict(found.variables), dict(found.prices)
    ('optimal', 9.0, {'bread': 1.0, 'milk': 3.0}, {'energy': 3.0})
    """
    run = _solver()
    found = run(programme, OPTIONS)
    if found["status"] == _UNDECIDED:
        found = run(programme, OPTIONS | {"presolve": "off"})
    if found["status"] == "Empty":
        raise Unreadable("the programme has no variables: is it in LP format?")
    status = _STATUSES.get(found["status"], "stopped")
    if status != "optimal":
        return Solution(status)
    return Solution(status, found["value"], found["variables"], found["prices"])


def _solver() -> Any:
    try:
        import highspy  # noqa: F401

        return _in_a_kernel
    except ImportError:
        pass
    try:
        import moi_highs  # type: ignore[import-not-found]  # noqa: F401

        return _in_a_page
    except ImportError:
        raise NoSolver(
            "This model needs a linear-programming solver, and there is none here: install one with "
            "`pip install highspy`."
        ) from None


def _in_a_kernel(programme: str, options: Mapping[str, Any]) -> dict[str, Any]:
    import highspy

    highs = highspy.Highs()
    for name, value in options.items():
        highs.setOptionValue(name, value)
    with tempfile.NamedTemporaryFile(
        "w", suffix=".lp", encoding="utf-8", delete=False
    ) as file:  # HiGHS reads files only
        file.write(programme)
    try:
        readable = highs.readModel(file.name) != highspy.HighsStatus.kError
    finally:
        Path(file.name).unlink()
    if not readable:
        raise Unreadable("the programme is not in LP format.")
    highs.run()
    solution, named = highs.getSolution(), highs.getLp()
    return {
        "status": highs.modelStatusToString(highs.getModelStatus()),
        "value": highs.getInfo().objective_function_value,
        "variables": dict(zip(named.col_names_, solution.col_value, strict=False)),
        "prices": dict(zip(named.row_names_, solution.row_dual, strict=False)) if solution.dual_valid else {},
    }


def _in_a_page(programme: str, options: Mapping[str, Any]) -> dict[str, Any]:
    import moi_highs

    found: dict[str, Any] = json.loads(moi_highs.solve(programme, json.dumps(options)))
    if "unreadable" in found:
        raise Unreadable(found["unreadable"])
    return found
