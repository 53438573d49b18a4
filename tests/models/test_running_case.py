"""Harbour Ices is the same firm with the same numbers wherever it appears."""

from moi import data
from moi.models import get


def test_price_and_costs_agree_between_the_models_of_the_firm():
    variety, mechanisms = get("variety")(), get("mechanisms")()
    for name in ("price", "unit_cost", "holding_rate"):
        assert getattr(mechanisms, name) == getattr(variety, name)


def test_the_firm_sells_what_its_customers_could_buy_with_about_the_flavours_it_offers():
    """The range of the first chapter explains the level of sales in the data: 12 flavours or a few more."""
    sold = data.series("harbour_ices")
    by_year = [sum(sold[start : start + 12]) for start in range(0, len(sold), 12)]
    variety = get("variety")
    assert variety(variants=12).outcome().measures["demand"] < min(by_year)
    assert max(by_year) < variety(variants=60).outcome().measures["demand"]


def test_the_year_that_nobody_had_seen_follows_the_series():
    last, following = data.load("harbour_ices")["month"].iloc[-1], data.load("harbour_ices_next_year")["month"].iloc[0]
    assert (following.year, following.month) == (last.year + 1, 1)
