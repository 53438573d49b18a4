"""`seasonal_forecast` against R, statsmodels, hand-worked examples and brute force."""

import itertools
import json
import math

import hypothesis
import numpy
import pytest
from hypothesis import strategies
from statsmodels.tsa.api import ExponentialSmoothing, Holt, SimpleExpSmoothing

from moi import data
from moi.interface import choose, compare
from moi.model import InputError, NoComparison
from moi.models.seasonal_forecast import METHODS, SeasonalForecast

AIRLINE = data.series("air_passengers")
SMOOTHING = ("simple", "holt", "holt_winters_additive", "holt_winters_multiplicative")


def outcome(**values):
    return SeasonalForecast(**values).outcome()


def forecasts(**values):
    """The statistical forecasts, without anybody's adjustment."""
    return [row["statistical"] for row in outcome(**values).tables["forecast"]]


# R. Printed by HoltWinters(AirPassengers) and HoltWinters(AirPassengers, seasonal = "multiplicative"), R's
# package stats: smoothing parameters, states, forecast(…, h = 12) and the sum of squared errors. The multiplicative
# forecasts and both sums are printed in the tutorial "Holt-Winters in R: Additive or Multiplicative Seasonality?",
# the additive forecasts in HoltWintersSuite of sryza/spark-timeseries, which was checked against R.

R = {
    "holt_winters_multiplicative": {
        "constants": {"alpha": 0.2755925, "beta": 0.03269295, "gamma": 0.8707292},
        "a": 469.3232206,
        "b": 3.0215391,
        "s": [
            0.9464611,
            0.8829239,
            0.9717369,
            1.0304825,
            1.0476884,
            1.1805272,
            1.3590778,
            1.3331706,
            1.1083381,
            0.9868813,
            0.8361333,
            0.9209877,
        ],
        "forecast": [
            447.0559,
            419.7123,
            464.8671,
            496.0839,
            507.5326,
            575.4509,
            666.5923,
            657.9137,
            550.3088,
            492.9853,
            420.2073,
            465.6345,
        ],
        "SSE": 16_571,
        "RMSE": 11.20429,
    },
    "holt_winters_additive": {
        "constants": {"alpha": 0.2479595, "beta": 0.03453373, "gamma": 1.0},
        "a": 477.827781,
        "b": 3.127627,
        "s": [
            -27.457685,
            -54.692464,
            -20.174608,
            12.919120,
            18.873607,
            75.294426,
            152.888368,
            134.613464,
            33.778349,
            -18.379060,
            -87.772408,
            -45.827781,
        ],
        "forecast": [
            453.4977,
            429.3906,
            467.0361,
            503.2574,
            512.3395,
            571.8880,
            652.6095,
            637.4623,
            539.7548,
            490.7250,
            424.4593,
            469.5315,
        ],
        "SSE": 21_860,
        "RMSE": 12.86886,
    },
}


def starts_of_r(y, multiplicative, m=12):
    """R's start states: decompose() on two seasons, then a straight line through the trend (?HoltWinters)."""
    trend = numpy.convolve(y[: 2 * m], [0.5, *[1] * (m - 1), 0.5], "valid") / m  # periods m/2 + 1 to 3m/2
    slope, level = numpy.polyfit(numpy.arange(1, m + 1), trend, 1)
    inner = numpy.array(y[m // 2 : m // 2 + m])
    season = numpy.roll(inner / trend if multiplicative else inner - trend, m // 2)
    season = season / season.mean() if multiplicative else season - season.mean()
    return {"initial_level": level, "initial_trend": slope, "initial_seasonal": season.tolist()}


@pytest.fixture(params=R)
def of_r(request, moi):
    """What R prints, and what `moi run` gives from R's start states for two seasons ahead."""
    printed = R[request.param]
    values = {
        "series": "air_passengers",
        "method": request.param,
        "holdout": 0,
        "horizon": 24,
        **printed["constants"],
        **starts_of_r(AIRLINE, request.param == "holt_winters_multiplicative"),
    }
    status, out, err = moi("run", "seasonal_forecast", "--values", "-", "--json", stdin=json.dumps(values))
    assert (status, err) == (0, "")
    return request.param, printed, json.loads(out)


def test_forecasts_printed_by_r_for_the_airline_series(of_r):
    _, printed, ran = of_r
    assert [round(row["statistical"], 4) for row in ran["tables"]["forecast"][:12]] == printed["forecast"]


def test_squared_error_printed_by_r_for_the_airline_series(of_r):
    _, printed, ran = of_r
    assert round(ran["measures"]["fit_sse"]) == printed["SSE"]
    assert round(math.sqrt(ran["measures"]["fit_sse"] / 132), 5) == printed["RMSE"]  # one step ahead from month 13 on


def test_states_printed_by_r_for_the_airline_series(of_r):
    """Two seasons of forecasts hold the last states, but for one constant: R's own trend (or level) gives it."""
    method, printed, ran = of_r
    ahead = numpy.array([row["statistical"] for row in ran["tables"]["forecast"]])
    a_season_on = (ahead[12:] - ahead[:12]) / 12
    steps = numpy.arange(1, 13)
    if method == "holt_winters_multiplicative":  # (a + h·b)·s: a season on, 12·b·s more
        season = a_season_on / printed["b"]
        level = ahead[:12] / season - steps * printed["b"]
        assert season == pytest.approx(numpy.array(printed["s"]), abs=6e-8 * 5)
        assert level == pytest.approx(numpy.full(12, printed["a"]), abs=1e-4)
    else:  # a + h·b + s: a season on, 12·b more
        assert a_season_on == pytest.approx(numpy.full(12, printed["b"]), abs=1e-6)
        season = ahead[:12] - printed["a"] - steps * printed["b"]
        assert season == pytest.approx(numpy.array(printed["s"]), abs=1e-5)


# statsmodels


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.1), (0.9, 0.0), (0.0, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("series", ["air_passengers", "harbour_ices"])
def test_simple_and_holt_agree_with_statsmodels(series, alpha, beta):
    """Both begin in period m + 1, so statsmodels is given the series from there."""
    y = numpy.array(data.series(series))
    rest, known = y[12:-12], {"initial_level": y[:12].mean(), "initialization_method": "known"}
    trend = (y[12:24].mean() - y[:12].mean()) / 12
    fits = {
        "simple": SimpleExpSmoothing(rest, **known).fit(smoothing_level=alpha, optimized=False),
        "holt": Holt(rest, **known, initial_trend=trend).fit(
            smoothing_level=alpha, smoothing_trend=beta, optimized=False
        ),
    }
    for method, fit in fits.items():
        found = outcome(series=series, method=method, alpha=alpha, beta=beta)
        assert [row["statistical"] for row in found.tables["forecast"]] == pytest.approx(list(fit.forecast(12)))
        assert found.measures["fit_sse"] == pytest.approx(fit.sse)


def of_statsmodels(y, form, alpha, beta, gamma, level, trend, season):
    """The fit, and a season of forecasts from its last states.

    Its own forecast() passes over the last season computed (statsmodels issue 9538, up to 0.15), so the states are
    put together here.
    """
    model = ExponentialSmoothing(
        y,
        trend="add",
        seasonal=form,
        seasonal_periods=len(season),
        initialization_method="known",
        initial_level=level,
        initial_trend=trend,
        initial_seasonal=season,
    )
    fit = model.fit(smoothing_level=alpha, smoothing_trend=beta, smoothing_seasonal=gamma, optimized=False)
    line, last = fit.level[-1] + fit.trend[-1] * numpy.arange(1, len(season) + 1), fit.season[-len(season) :]
    ahead = line + last if form == "add" else line * last
    assert ahead[:-1] == pytest.approx(fit.forecast(len(season) - 1))
    return fit, list(ahead)


def starts_by_default(y, multiplicative):
    first = y[:12].mean()
    return first, (y[12:24].mean() - first) / 12, y[:12] / first if multiplicative else y[:12] - first


@pytest.mark.parametrize(
    ("alpha", "beta", "gamma"), [(0.3, 0.1, 0.2), (0.05, 0.9, 0.7), (0.6, 0.0, 1.0), (0.0, 0.4, 0.5)]
)
@pytest.mark.parametrize("series", ["air_passengers", "harbour_ices"])
def test_additive_winters_agrees_with_statsmodels(series, alpha, beta, gamma):
    """statsmodels updates the season with the level *before*; for the additive form its γ is then γ(1 − α).

    With the level forecast p = L + T, the new level is αy + (1 − α)p − αS, so that γ(y − level) + (1 − γ)S is
    γ(1 − α)(y − p) + (1 − γ(1 − α))S, which is statsmodels' update.
    """
    y = numpy.array(data.series(series))
    fit, ahead = of_statsmodels(y[12:-12], "add", alpha, beta, gamma * (1 - alpha), *starts_by_default(y, False))
    found = outcome(series=series, method="holt_winters_additive", alpha=alpha, beta=beta, gamma=gamma)
    assert [row["statistical"] for row in found.tables["forecast"]] == pytest.approx(ahead)
    assert found.measures["fit_sse"] == pytest.approx(fit.sse)


@pytest.mark.parametrize(
    ("alpha", "beta", "gamma"), [(0.3, 0.1, 0.0), (0.8, 0.6, 0.0), (0.0, 0.1, 0.2), (0.0, 1.0, 0.9)]
)
@pytest.mark.parametrize("series", ["air_passengers", "harbour_ices"])
def test_multiplicative_winters_agrees_with_statsmodels_where_the_two_forms_are_one(series, alpha, beta, gamma):
    """Without α (level before and after are the same) or without γ (no update at all); elsewhere R is the judge."""
    y = numpy.array(data.series(series))
    fit, ahead = of_statsmodels(y[12:-12], "mul", alpha, beta, gamma, *starts_by_default(y, True))
    found = outcome(series=series, method="holt_winters_multiplicative", alpha=alpha, beta=beta, gamma=gamma)
    assert [row["statistical"] for row in found.tables["forecast"]] == pytest.approx(ahead)
    assert found.measures["fit_sse"] == pytest.approx(fit.sse)


@pytest.mark.parametrize("form", ["additive", "multiplicative"])
def test_one_season_of_statsmodels_steps_is_winters_with_the_season_held(form):
    """Within its first season no updated factor is used yet: any α, β and γ give statsmodels' errors there."""
    y = numpy.array(AIRLINE[:24])
    first, _, start = starts_by_default(y, form == "multiplicative")
    fit, _ = of_statsmodels(y[12:], form[:3], 0.4, 0.3, 0.6, first, 2.5, start)
    found = outcome(
        series=y,
        holdout=0,
        method=f"holt_winters_{form}",
        alpha=0.4,
        beta=0.3,
        gamma=0.6,
        initial_level=first,
        initial_trend=2.5,
        initial_seasonal=start,
    )
    assert found.measures["fit_sse"] == pytest.approx(fit.sse)


# By hand


def test_seasonal_smoothing_by_hand():
    """m = 2, α = ½, β = ½, γ = ½, from level 10, trend 2 and season (½, 2), after y = 9 and 20."""
    values = {
        "series": [1, 1, 9, 20],
        "period": 2,
        "holdout": 0,
        "horizon": 3,
        "alpha": 0.5,
        "beta": 0.5,
        "gamma": 0.5,
        "initial_level": 10,
        "initial_trend": 2,
    }
    # 9/½ = 18: level ½·18 + ½·12 = 15, trend ½·5 + ½·2 = 3.5, season ½·9/15 + ½·½ = 0.55; error 9 − 12·½ = 3
    # 20/2 = 10: level ½·10 + ½·18.5 = 14.25, trend ½·(−0.75) + ½·3.5 = 1.375, season ½·20/14.25 + ½·2; error 20 − 37
    second = 10 / 14.25 + 1
    found = outcome(**values, method="holt_winters_multiplicative", initial_seasonal=[0.5, 2])
    assert [row["statistical"] for row in found.tables["forecast"]] == pytest.approx(
        [15.625 * 0.55, 17 * second, 18.375 * 0.55]
    )
    assert found.measures["fit_sse"] == pytest.approx(3**2 + 17**2)
    # additive, season (−3, 8): 9 + 3 = 12: level 12, trend 2, season ½(9 − 12) − 1.5 = −3; 20 − 8 = 12: level 13,
    # trend 1.5, season ½(20 − 13) + 4 = 7.5; errors 9 − 9 = 0 and 20 − 22 = −2
    found = outcome(**values, method="holt_winters_additive", initial_seasonal=[-3, 8])
    assert [row["statistical"] for row in found.tables["forecast"]] == pytest.approx([14.5 - 3, 16 + 7.5, 17.5 - 3])
    assert found.measures["fit_sse"] == pytest.approx(4)


@pytest.mark.parametrize("method", SMOOTHING)
def test_start_states_come_from_the_first_two_seasons(method):
    """Level: mean of the first season; trend: difference of the means over the period; season: first over the level."""
    y = [10, 20, 30, 40, 16, 26, 36, 46, 20, 30, 44, 50]
    additive, ratio = [-15, -5, 5, 15], [0.4, 0.8, 1.2, 1.6]
    starts = {"initial_level": 25, "initial_trend": 1.5}
    if method.startswith("holt_winters"):
        starts["initial_seasonal"] = ratio if method.endswith("multiplicative") else additive
    common = {"series": y, "period": 4, "holdout": 4, "horizon": 4, "method": method}
    assert forecasts(**common) == pytest.approx(forecasts(**common, **starts))
    for name, value in starts.items():  # and each of them counts, but a trend for a method without one
        other = [v * 1.5 for v in value] if name == "initial_seasonal" else value * 1.5
        assert (forecasts(**common) == pytest.approx(forecasts(**common | {name: other}))) == (
            method == "simple" and name == "initial_trend"
        )


def test_nothing_is_smoothed_in_the_first_season():
    """With all constants 0 the start states are carried on: level + trend · periods since the first season."""
    found = forecasts(
        series=[1, 1, 1, 7, 7, 7, 9, 9, 9],
        period=3,
        holdout=3,
        method="holt_winters_additive",
        alpha=0,
        beta=0,
        gamma=0,
        initial_level=100,
        initial_trend=10,
        initial_seasonal=[1, 2, 3],
    )
    assert found == pytest.approx([100 + 40 + 1, 100 + 50 + 2, 100 + 60 + 3])


def test_naive_seasonal_naive_and_moving_average_by_hand():
    common = {"series": [5, 7, 6, 8, 9, 11, 10, 4], "period": 2, "holdout": 2, "horizon": 1}
    assert forecasts(**common, method="naive") == [11, 11, 11]
    assert forecasts(**common, method="seasonal_naive") == [9, 11, 9]
    assert forecasts(**common, method="moving_average", window=4) == [8.5, 8.5, 8.5]
    # one-step errors from period 3 on: −1, 2, 1, 2;  1, 1, 3, 3;  and from period 5 on: 9 − 6.5, 11 − 7.5
    assert outcome(**common, method="naive").measures["fit_sse"] == 1 + 4 + 1 + 4
    assert outcome(**common, method="seasonal_naive").measures["fit_sse"] == 1 + 1 + 9 + 9
    assert outcome(**common, method="moving_average", window=4).measures["fit_sse"] == 2.5**2 + 3.5**2
    # a window of 1 is the naive method, and no method is judged on the first season
    assert outcome(**common, method="moving_average", window=1).measures["fit_sse"] == 1 + 4 + 1 + 4


def test_the_table_has_a_row_for_each_period_kept_back_or_ahead():
    rows = outcome(
        series=[5, 7, 6, 8, 9, 11],
        period=2,
        holdout=1,
        horizon=2,
        method="naive",
        sales_adjustment=0.1,
        operations_adjustment=-0.2,
    ).tables["forecast"]
    assert [row["period"] for row in rows] == [6, 7, 8]
    assert [row["actual"] for row in rows] == [11, None, None]
    assert [row["statistical"] for row in rows] == [9, 9, 9]
    assert [row["used"] for row in rows] == pytest.approx([9 * 1.1 * 0.8] * 3)


# Accuracy


def test_accuracy_by_hand():
    """Forecast 10 for each of 8, 15, 10: errors −2, 5, 0. Seasonal naive before: 4, 2, so a scale of 3."""
    here = outcome(
        series=[6, 8, 10, 10, 8, 15, 10], period=2, holdout=3, method="naive", shortage_cost=2, leftover_cost=3
    ).measures
    assert here["mae"] == pytest.approx(7 / 3)
    assert here["rmse"] == pytest.approx(math.sqrt(29 / 3))
    assert here["mape"] == pytest.approx((2 / 8 + 5 / 15 + 0) / 3)
    assert here["mase"] == pytest.approx(7 / 3 / 3)
    assert here["bias"] == pytest.approx(1)
    assert here["tracking_signal"] == pytest.approx(3 / (7 / 3))
    assert here["lost_sales_cost"] == pytest.approx(2 * 5)
    assert here["leftover_cost_total"] == pytest.approx(3 * 2)
    assert here["mismatch_cost"] == pytest.approx(10 + 6)


def test_accuracy_is_that_of_the_forecast_used():
    """With 20 % added, 10 becomes 12: errors −4, 3, −2."""
    here = outcome(series=[6, 8, 10, 10, 8, 15, 10], period=2, holdout=3, method="naive", sales_adjustment=0.2).measures
    assert (here["mae"], here["bias"]) == (pytest.approx(3), pytest.approx(-1))
    assert here["lost_sales_cost"] == pytest.approx(1.4 * 3) and here["leftover_cost_total"] == pytest.approx(0.6 * 6)


@pytest.mark.parametrize("method", METHODS)
def test_accuracy_by_the_published_formulas(method):
    """Hyndman and Koehler (2006), written with numpy."""
    found = outcome(method=method, sales_adjustment=0.05)
    actual, used = (numpy.array([row[key] for row in found.tables["forecast"]]) for key in ("actual", "used"))
    fitted = numpy.array(data.series("harbour_ices"))[:-12]
    e, here = actual - used, found.measures
    assert here["mae"] == pytest.approx(numpy.abs(e).mean())
    assert here["rmse"] == pytest.approx(numpy.sqrt((e**2).mean()))
    assert here["mape"] == pytest.approx(numpy.abs(e / actual).mean())
    assert here["mase"] == pytest.approx(numpy.abs(e).mean() / numpy.abs(fitted[12:] - fitted[:-12]).mean())
    assert here["bias"] == pytest.approx(e.mean())
    assert here["tracking_signal"] == pytest.approx(e.sum() / numpy.abs(e).mean())
    assert here["lost_sales_cost"] == pytest.approx(1.40 * numpy.maximum(e, 0).sum())
    assert here["leftover_cost_total"] == pytest.approx(0.60 * numpy.maximum(-e, 0).sum())


def test_mape_does_not_exist_with_a_period_without_sales():
    here = outcome(series=[6, 8, 10, 10, 0, 15], period=2, holdout=2, method="naive").measures
    assert here["mape"] is None and here["mae"] == 7.5


def test_mase_does_not_exist_where_the_seasonal_naive_method_never_errs():
    here = outcome(series=[6, 8, 6, 8, 7], period=2, holdout=1, method="naive").measures
    assert here["mase"] is None and here["mae"] == 1


def test_without_periods_kept_back_nothing_is_judged_and_nothing_compared():
    model = SeasonalForecast(holdout=0, horizon=3)
    here = model.outcome().measures
    assert [name for name, value in here.items() if value is not None] == ["fit_sse"]
    with pytest.raises(NoComparison, match="does not exist at these values"):
        compare(model)


# Refusals of values that do not fit each other


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"series": [1.0] * 35},
            "series has 35 periods, but needs at least 36: two seasons of 12 to learn from and 12 kept back.",
        ),
        ({"series": [1.0] * 23, "holdout": 0}, "series has 23 periods, but needs at least 24"),
        ({"holdout": 1_000}, "but needs at least 1024"),
        (
            {"series": [1.0] * 50, "method": "moving_average", "window": 50, "holdout": 2},
            "needs at least 53: one more than the window of 50 to learn from and 2 kept back.",
        ),
        (
            {"initial_seasonal": [1.0] * 11},
            "initial_seasonal must hold 12 numbers, one for each period of a season; got 11.",
        ),
        (
            {"series": [1.0] * 35 + [0.0]},
            "series must hold numbers above 0 for the multiplicative method; got 0 in place 36.",
        ),
        ({"initial_seasonal": [1.0] * 11 + [-1.0]}, "initial_seasonal must hold numbers above 0"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(values, said, moi):
    with pytest.raises(InputError) as caught:
        SeasonalForecast(**values)
    assert said in str(caught.value)
    status, out, err = moi("run", "seasonal_forecast", "--values", "-", stdin=json.dumps(values))
    assert (status, out, len(err.splitlines())) == (2, "", 1) and said in err


def test_two_seasons_and_what_is_kept_back_are_enough():
    assert outcome(series=[1.0, 2.0, 3.0] * 12).measures["mae"] is not None
    assert outcome(series=[0.0] * 35 + [1.0], method="holt_winters_additive").measures["mae"] is not None


def test_a_forecast_below_zero_is_a_problem():
    found = outcome(series=[40, 30, 20, 10, 4, 2], period=2, holdout=2, method="holt", alpha=1, beta=1)
    assert found.tables["forecast"][0]["used"] == 0 and found.tables["forecast"][1]["used"] < 0
    assert len(found.problems) == 1 and "below zero" in found.problems[0]


# Who wants which number


def cost_on_a_grid(model, judge, lever, points=6_001):
    """The least cost on a fine grid of one adjustment, from the forecast table and the definition of the cost."""
    rows = model.outcome().tables["forecast"]
    actual, used = (numpy.array([row[key] for row in rows]) for key in ("actual", "used"))
    unadjusted = used / (1 + getattr(model, lever))
    e = actual[:, None] - unadjusted[:, None] * (1 + numpy.linspace(-0.3, 0.3, points))
    lost, left = model.shortage_cost * numpy.maximum(e, 0).sum(0), model.leftover_cost * numpy.maximum(-e, 0).sum(0)
    return {"marketing": lost, "operations": left, "firm": lost + left}[judge].min()


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    method=strategies.sampled_from(METHODS),
    lever=strategies.sampled_from(["sales_adjustment", "operations_adjustment"]),
    costs=strategies.tuples(*[strategies.sampled_from([0.0, 0.2, 0.6, 1.0, 1.4, 5.0])] * 2),
    start=strategies.tuples(*[strategies.floats(-0.3, 0.3)] * 2),
    judge=strategies.sampled_from(["marketing", "operations", "firm"]),
)
def test_no_adjustment_on_a_fine_grid_costs_less_than_the_one_chosen(method, lever, costs, start, judge):
    model = SeasonalForecast(
        method=method,
        sales_adjustment=start[0],
        operations_adjustment=start[1],
        shortage_cost=costs[0],
        leftover_cost=costs[1],
    )
    chosen = choose(model, judge, [lever])
    assert chosen.but(**{lever: getattr(model, lever)}) == model
    cost = chosen.outcome().measures[model.goal(judge).name]
    assert cost <= cost_on_a_grid(model, judge, lever) * (1 + 1e-9) + 1e-9


def test_together_is_the_newsvendor_quantile_of_actual_over_forecast():
    """The weighted quantile at shortage/(shortage + leftover) = 0.7, and the least cost over both adjustments."""
    found = compare(SeasonalForecast())
    together = found.together
    rows = SeasonalForecast().outcome().tables["forecast"]
    ratios = sorted((row["actual"] / row["statistical"], row["statistical"]) for row in rows)
    weights = list(itertools.accumulate(weight for _, weight in ratios))
    quantile = next(ratio for (ratio, _), total in zip(ratios, weights, strict=True) if total >= 0.7 * weights[-1])
    assert (1 + together.sales_adjustment) * (1 + together.operations_adjustment) == pytest.approx(quantile)
    assert quantile > 1  # a lost sale costs more than a leftover
    assert together.outcome().measures["mismatch_cost"] <= cost_on_a_grid(
        SeasonalForecast(), "firm", "sales_adjustment"
    ) * (1 + 1e-9)


def flat_bottom(**values):
    """Forecasts of 10 against 9, 10, 11 and 12: with equal costs any product from 1.0 to 1.1 is as good."""
    return SeasonalForecast(
        series=[10, 10, 10, 10, 9, 10, 11, 12],
        period=1,
        holdout=4,
        method="naive",
        shortage_cost=1,
        leftover_cost=1,
        **values,
    )


def test_on_a_flat_bottom_the_present_stays():
    for present in (
        flat_bottom(),
        flat_bottom(sales_adjustment=0.05),
        flat_bottom(sales_adjustment=0.25, operations_adjustment=-0.15),
    ):
        assert choose(present, "firm") == present


def test_of_several_settings_with_the_same_result_the_one_nearest_to_no_adjustment():
    """From a forecast cut by 30 % the nearest way back is to no cut at all; from a padded one, likewise."""
    for cut in (-0.3, 0.3):
        chosen = choose(flat_bottom(sales_adjustment=cut), "firm")
        assert (chosen.sales_adjustment, chosen.operations_adjustment) == pytest.approx((0, 0))
        assert choose(
            flat_bottom(sales_adjustment=cut), "firm", ["sales_adjustment"]
        ).sales_adjustment == pytest.approx(0)
    # Marketing's cost is nothing from 1.2 on: it pads no further than that.
    assert choose(flat_bottom(), "marketing").sales_adjustment == pytest.approx(0.2)
    assert choose(flat_bottom(), "operations").operations_adjustment == pytest.approx(-0.1)


def test_judged_apart_sales_pads_and_operations_cuts_to_the_limits():
    found = compare(SeasonalForecast())
    (apart,) = found.apart
    assert (apart.sales_adjustment, apart.operations_adjustment) == pytest.approx((0.3, -0.3))
    assert (found.ended, found.at_limit) == ("at a limit", ("sales_adjustment", "operations_adjustment"))
    assert found.marketing.sales_adjustment > 0 > found.operations.operations_adjustment
    assert found.gap == pytest.approx(
        apart.outcome().measures["mismatch_cost"] - found.together.outcome().measures["mismatch_cost"]
    )
    assert found.gap > 0


@pytest.mark.parametrize("present", [{}, {"sales_adjustment": 0.2, "operations_adjustment": -0.3}])
def test_a_forecast_that_falls_below_zero_ahead_leaves_nothing_to_choose(present):
    """The cost on the periods kept back has a closed form; the problem ahead of them must still be seen."""
    model = SeasonalForecast(
        series=[60, 50, 40, 30, 20, 10], period=1, holdout=2, horizon=9, method="holt", alpha=1, beta=1, **present
    )
    assert all(row["statistical"] > 0 for row in model.outcome().tables["forecast"][:2])
    with pytest.raises(NoComparison, match="every setting that firm could choose has a problem.*below zero"):
        choose(model, "firm")
