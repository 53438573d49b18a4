"""One number or two? A seasonal forecast, and what sales and operations do to it when each is judged alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Any, ClassVar

from moi import data
from moi.model import InputError, Judge, Measure, MiniModel, Outcome, marketing, operations, percent, pounds, setting

METHODS = (
    "naive",
    "seasonal_naive",
    "moving_average",
    "simple",
    "holt",
    "holt_winters_additive",
    "holt_winters_multiplicative",
)
MOST_ADJUSTMENT = 0.3
SEASONS_SHOWN = 2  # before the periods kept back


@dataclass(frozen=True)
class Forecast:
    """One-step-ahead forecasts of the fitted part (``None`` where there is none yet) and forecasts ``ahead`` of it."""

    fitted: list[float | None]
    ahead: list[float]


class SeasonalForecast(
    MiniModel, title="One number or two?", question="Who is helped when sales pads the forecast and operations cuts it?"
):
    """Who is helped when sales pads the forecast and operations cuts it?

    The last ``holdout`` periods of ``series`` are kept back. A method forecasts them from the periods before, in
    one go; sales then adds a fraction *a* (``sales_adjustment``) and operations a fraction *b*
    (``operations_adjustment``), so that

        forecast used = statistical forecast · (1 + a)(1 + b).

    Methods, with m = ``period``, observations y(t), smoothing constants α, β, γ, level L, trend T, season S:

        naive                 y(t)
        seasonal_naive        y(t) of the same season, a season ago
        moving_average        mean of the last ``window`` periods
        simple                L(t) = α·y(t) + (1 − α)·L(t−1)
        holt                  L(t) = α·y(t) + (1 − α)(L(t−1) + T(t−1));  T(t) = β(L(t) − L(t−1)) + (1 − β)T(t−1)
        holt_winters_…        the same with y(t) − S(t−m), or y(t)/S(t−m), in the level, and
                              S(t) = γ(y(t) − L(t)) + (1 − γ)S(t−m), or γ·y(t)/L(t) + (1 − γ)S(t−m)

    The season is updated with the level just computed, as Winters (1960) does. The first season gives the start
    states and the recursion begins in period m + 1: the level is the mean of the first season, the trend the
    difference of the means of the second and first seasons divided by m, the season each period of the first over
    (or minus) the level.

    error = actual − forecast used. A shortage costs ``shortage_cost`` a unit, a leftover ``leftover_cost``.
    ``mape`` is a fraction; ``mase`` divides by the mean absolute error of the seasonal naive method on the fitted
    part; ``tracking_signal`` is the sum of errors over ``mae``; ``fit_sse`` is the sum of squared one-step-ahead
    errors on the fitted part.

    A critic would say that units short are seldom all lost, that stock left over can often be sold next month, and
    that an adjustment chosen on the periods held back is hindsight.

    Source: Holt (1957) and Winters (1960) for the recursions.

    >>> sold = [10, 20, 30, 12, 24, 36, 14, 28, 42]
    >>> model = SeasonalForecast(series=sold, period=3, holdout=3, method="seasonal_naive")
    >>> [row["statistical"] for row in model.outcome().tables["forecast"]]
    [12.0, 24.0, 36.0]
    >>> model.outcome().measures["mae"]                  # (2 + 4 + 6)/3
    4.0
    """

    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("lost_sales_cost", "Cost of lost sales", "£", "marketing", "less", "money"),
        Measure("leftover_cost_total", "Cost of leftovers", "£", "operations", "less", "money"),
        Measure("mismatch_cost", "Cost of mismatch", "£", "firm", "less", "money"),
        Measure("mae", "Mean absolute error (MAE)", "units", digits=1),
        Measure("rmse", "Root mean squared error (RMSE)", "units", digits=1),
        Measure("mape", "Mean absolute percentage error (MAPE)", form="share", digits=1),
        Measure("mase", "Mean absolute scaled error (MASE)", digits=2),
        Measure("bias", "Bias (mean error)", "units", digits=1),
        Measure("tracking_signal", "Tracking signal", digits=1),
        Measure("fit_sse", "Squared error on the fitted part", "units²"),
    )

    series: tuple[float, ...] | str = setting(
        "harbour_ices",
        kind="numbers",
        words=lambda: data.series_names(at_least=30),
        shortest=3,
        low=-1e9,
        high=1e9,
        label="Series",
        meaning="what was sold in each period, oldest first, or the name of a data set",
    )
    period: int = setting(12, low=1, high=366, unit="periods", label="Periods in a season", meaning="m")
    holdout: int = setting(
        12, low=0, high=1_000, unit="periods", label="Periods kept back", meaning="to judge the forecast on"
    )
    horizon: int = setting(
        0, low=0, high=1_000, unit="periods", label="Periods ahead", meaning="forecast beyond the end of the series"
    )
    method: str = setting("holt_winters_multiplicative", choices=METHODS, label="Method")
    window: int = setting(3, low=1, high=1_000, unit="periods", label="Window of the moving average")
    alpha: float = setting(
        0.3, low=0, high=1, step=0.01, label="Level smoothing", meaning="α: weight of the newest period in the level"
    )
    beta: float = setting(
        0.1, low=0, high=1, step=0.01, label="Trend smoothing", meaning="β: weight of the newest step in the trend"
    )
    gamma: float = setting(
        0.2, low=0, high=1, step=0.01, label="Season smoothing", meaning="γ: weight of the newest season"
    )
    initial_level: float | None = setting(
        None, kind="number", optional=True, low=-1e9, high=1e9, unit="units", label="Start of the level"
    )
    initial_trend: float | None = setting(
        None, kind="number", optional=True, low=-1e9, high=1e9, unit="units/period", label="Start of the trend"
    )
    initial_seasonal: tuple[float, ...] | None = setting(
        None,
        kind="numbers",
        optional=True,
        low=-1e9,
        high=1e9,
        label="Start of the season",
        meaning="one factor (or amount) for each period of a season",
    )
    sales_adjustment: float = marketing(
        0.0,
        low=-MOST_ADJUSTMENT,
        high=MOST_ADJUSTMENT,
        step=0.01,
        decides=True,
        label="Added by sales",
        meaning="fraction added to the statistical forecast, a",
    )
    operations_adjustment: float = operations(
        0.0,
        low=-MOST_ADJUSTMENT,
        high=MOST_ADJUSTMENT,
        step=0.01,
        decides=True,
        label="Added by operations",
        meaning="fraction added to the forecast of sales, b",
    )
    shortage_cost: float = setting(1.40, low=0, high=1e6, unit="£/unit", label="Cost of a lost sale")
    leftover_cost: float = setting(0.60, low=0, high=1e6, unit="£/unit", label="Cost of a leftover")

    columns: ClassVar[tuple[Measure, ...]] = (
        Measure("actual", "Actual", "units"),
        Measure("statistical", "Statistical forecast", "units"),
        Measure("used", "Forecast used", "units"),
    )

    chart: ClassVar[dict[str, Any]] = {
        "height": 300,
        "encoding": {
            "x": {
                "field": "period",
                "type": "quantitative",
                "title": "Period",
                "axis": {"tickMinStep": 1},
                "scale": {"nice": False, "zero": False},
            },
            "color": {
                "type": "nominal",
                "title": None,
                "scale": {
                    "domain": ["Actual", "Forecast used", "Lost sales", "Leftover"],
                    "range": ["firm", "gap", "marketing", "operations"],
                },
            },
        },
        "layer": [
            {
                "data": {"name": "forecast"},
                "transform": [
                    {"filter": "isValid(datum.actual)"},
                    {"calculate": "datum.actual > datum.used ? 'Lost sales' : 'Leftover'", "as": "miss"},
                ],
                "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.8},
                "encoding": {
                    "y": {"field": "actual", "type": "quantitative", "title": "Units"},
                    "y2": {"field": "used"},
                    "color": {"field": "miss"},
                },
            },
            {
                "data": {"name": "recent"},
                "mark": {"type": "line", "strokeWidth": 1.8},
                "encoding": {
                    "y": {"field": "actual", "type": "quantitative", "title": "Units"},
                    "color": {"datum": "Actual"},
                },
            },
            {
                "data": {"name": "forecast"},
                "mark": {"type": "line", "strokeWidth": 2.2, "strokeDash": [6, 3]},
                "encoding": {
                    "y": {"field": "used", "type": "quantitative", "title": "Units"},
                    "color": {"datum": "Forecast used"},
                },
            },
        ],
    }

    def check_together(self) -> None:
        learnt_from = 2 * self.period, f"two seasons of {self.period}"
        if self.method == "moving_average":
            learnt_from = max(learnt_from, (self.window + 1, f"one more than the window of {self.window}"))
        needed = learnt_from[0] + self.holdout
        if len(self._history()) < needed:
            raise InputError(
                "series",
                self.series,
                f"at least {needed} numbers",
                f"series has {len(self._history())} periods, but needs at least {needed}: {learnt_from[1]} "
                f"to learn from and {self.holdout} kept back.",
            )
        if self.initial_seasonal is not None and len(self.initial_seasonal) != self.period:
            raise InputError(
                "initial_seasonal",
                self.initial_seasonal,
                f"{self.period} numbers",
                f"initial_seasonal must hold {self.period} numbers, one for each period of a season; got "
                f"{len(self.initial_seasonal)}.",
            )
        if self.method == "holt_winters_multiplicative":
            for name, values in (("series", self._history()), ("initial_seasonal", self.initial_seasonal or ())):
                for position, value in enumerate(values, start=1):
                    if value <= 0:
                        raise InputError(
                            name,
                            value,
                            "numbers above 0",
                            f"{name} must hold numbers above 0 for the multiplicative method; "
                            f"got {value:g} in place {position}.",
                        )

    def outcome(self) -> Outcome:
        history = self._history()
        fitted_part = history[: len(history) - self.holdout]
        forecast = self._forecast(fitted_part, self.holdout + self.horizon)
        used = [value * self._multiplier() for value in forecast.ahead]
        kept_back = history[len(fitted_part) :]
        rows = [
            {
                "period": len(fitted_part) + step + 1,
                "actual": kept_back[step] if step < self.holdout else None,
                "statistical": forecast.ahead[step],
                "used": used[step],
            }
            for step in range(self.holdout + self.horizon)
        ]
        measures = self._measures(fitted_part, forecast, kept_back, used[: self.holdout])
        return Outcome(
            measures=measures,
            tables={
                "forecast": rows,
                "recent": [
                    {"period": period, "actual": units}
                    for period, units in enumerate(history, start=1)
                    if period > len(fitted_part) - SEASONS_SHOWN * self.period
                ],
            },
            problems=self._problems(forecast, used),
            summary=self._summary(measures, kept_back, used),
        )

    def best_levers(self, judge: Judge, levers: Sequence[str]) -> Mapping[str, Any] | None:
        """Costs are piecewise linear in the product (1 + a)(1 + b), so the best product is one of actual/statistical.

        For the firm it is the weighted quantile of those ratios at shortage/(shortage + leftover). Of equally good
        settings the one with the smallest adjustments is returned.
        """
        outcome = self.outcome()
        rows = [row for row in outcome.tables["forecast"] if row["actual"] is not None]
        if not rows or outcome.problems or any(row["statistical"] <= 0 for row in rows):
            return None
        short, left = {
            "marketing": (self.shortage_cost, 0.0),
            "operations": (0.0, self.leftover_cost),
            "firm": (self.shortage_cost, self.leftover_cost),
        }[judge]
        fixed = self._multiplier()
        for name in levers:
            fixed /= 1 + getattr(self, name)
        reach = [fixed * (1 + sign * MOST_ADJUSTMENT) ** len(levers) for sign in (-1, 1)]
        least, most = _flat_bottom(
            [(row["actual"] / row["statistical"], row["statistical"]) for row in rows], short, left
        )
        # The product wanted: inside the flat bottom as near as can be to leaving these levers at zero.
        wanted = min(max(min(max(fixed, least), most), reach[0]), reach[1])
        share = (wanted / fixed) ** (1 / len(levers)) - 1
        return {name: min(max(share, -MOST_ADJUSTMENT), MOST_ADJUSTMENT) for name in levers}

    def _history(self) -> tuple[float, ...]:
        return data.series(self.series) if isinstance(self.series, str) else self.series

    def _multiplier(self) -> float:
        return (1 + self.sales_adjustment) * (1 + self.operations_adjustment)

    def _forecast(self, y: Sequence[float], steps: int) -> Forecast:
        m, n = self.period, len(y)
        if self.method in ("naive", "seasonal_naive"):
            back = 1 if self.method == "naive" else m
            return Forecast(
                [None] * m + [y[t - back] for t in range(m, n)], [y[n - back + step % back] for step in range(steps)]
            )
        if self.method == "moving_average":
            w, start = self.window, max(m, self.window)
            means = [fsum(y[t - w : t]) / w for t in range(start, n + 1)]
            return Forecast([None] * start + means[:-1], [means[-1]] * steps)
        return self._smoothing(y, steps)

    def _smoothing(self, y: Sequence[float], steps: int) -> Forecast:
        """Exponential smoothing in one recursion: simple, Holt, and Winters' two forms."""
        m = self.period
        with_trend = self.method != "simple"
        additive, multiplicative = (self.method == f"holt_winters_{form}" for form in ("additive", "multiplicative"))
        first, second = fsum(y[:m]) / m, fsum(y[m : 2 * m]) / m
        level = first if self.initial_level is None else self.initial_level
        trend = 0.0 if not with_trend else (second - first) / m if self.initial_trend is None else self.initial_trend
        if additive or multiplicative:
            season = list(self.initial_seasonal or (v / first if multiplicative else v - first for v in y[:m]))
        else:
            season = [0.0] * m
        fitted: list[float | None] = [None] * m
        for t in range(m, len(y)):
            s = season[t % m]
            fitted.append((level + trend) * s if multiplicative else level + trend + s)
            deseasonalised = y[t] / s if multiplicative else y[t] - s
            before = level
            level = self.alpha * deseasonalised + (1 - self.alpha) * (level + trend)
            if with_trend:
                trend = self.beta * (level - before) + (1 - self.beta) * trend
            if additive or multiplicative:
                newest = y[t] / level if multiplicative else y[t] - level
                season[t % m] = self.gamma * newest + (1 - self.gamma) * s
        ahead = []
        for step in range(1, steps + 1):
            s = season[(len(y) + step - 1) % m]
            ahead.append((level + step * trend) * s if multiplicative else level + step * trend + s)
        return Forecast(fitted, ahead)

    def _measures(
        self, fitted_part: Sequence[float], forecast: Forecast, actual: Sequence[float], used: Sequence[float]
    ) -> dict[str, float | None]:
        one_step = [a - f for a, f in zip(fitted_part, forecast.fitted, strict=True) if f is not None]
        measures: dict[str, float | None] = {measure.name: None for measure in self.measures}
        measures["fit_sse"] = fsum(e * e for e in one_step)
        if not actual:
            return measures
        errors = [a - f for a, f in zip(actual, used, strict=True)]
        mae = fsum(map(abs, errors)) / len(errors)
        seasonal_naive = [
            abs(fitted_part[t] - fitted_part[t - self.period]) for t in range(self.period, len(fitted_part))
        ]
        scale = fsum(seasonal_naive) / len(seasonal_naive)
        lost = self.shortage_cost * fsum(max(e, 0.0) for e in errors)
        leftover = self.leftover_cost * fsum(max(-e, 0.0) for e in errors)
        return measures | {
            "lost_sales_cost": lost,
            "leftover_cost_total": leftover,
            "mismatch_cost": lost + leftover,
            "mae": mae,
            "rmse": sqrt(fsum(e * e for e in errors) / len(errors)),
            "mape": fsum(abs(e / a) for e, a in zip(errors, actual, strict=True)) / len(errors)
            if all(actual)
            else None,
            "mase": mae / scale if scale > 0 else None,
            "bias": fsum(errors) / len(errors),
            "tracking_signal": fsum(errors) / mae if mae > 0 else 0.0,
        }

    def _problems(self, forecast: Forecast, used: Sequence[float]) -> tuple[str, ...]:
        if any(value < 0 for value in used):
            return ("The forecast falls below zero, which no firm can make: try another method or start state.",)
        return ()

    def _summary(self, measures: Mapping[str, float | None], actual: Sequence[float], used: Sequence[float]) -> str:
        if not actual:
            return "Nothing is kept back, so the forecast is drawn but cannot be judged."
        above = sum(a > f for a, f in zip(actual, used, strict=False))
        change = self._multiplier() - 1
        moved = (
            "as the method gives it"
            if abs(change) < 5e-4
            else f"{percent(abs(change), 1)} {'above' if change > 0 else 'below'} the method's"
        )
        periods = len(actual)
        lost, leftover, both = (pounds(measures[goal.name] or 0.0) for goal in self.measures[:3])
        return (
            f"The forecast used is {moved}. Of the {periods} periods kept back, {above} sold more than forecast and "
            f"{periods - above} did not: lost sales cost {lost}, leftovers {leftover}, together {both}."
        )


def _flat_bottom(ratios: Sequence[tuple[float, float]], short: float, left: float) -> tuple[float, float]:
    """The interval of multipliers x that minimise Σ weight·(short·max(ratio − x, 0) + left·max(x − ratio, 0))."""
    ordered = sorted(ratios)
    total = fsum(weight for _, weight in ordered)
    if left == 0 and short == 0:
        return 0.0, float("inf")
    if left == 0:
        return ordered[-1][0], float("inf")
    if short == 0:
        return 0.0, ordered[0][0]
    wanted, below = short / (short + left) * total, 0.0
    for position, (ratio, weight) in enumerate(ordered):
        below += weight
        if abs(below - wanted) <= 1e-12 * total and position + 1 < len(ordered):
            return ratio, ordered[position + 1][0]
        if below > wanted:
            return ratio, ratio
    return ordered[-1][0], ordered[-1][0]
