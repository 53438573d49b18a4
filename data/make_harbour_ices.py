"""Makes the sales of Harbour Ices, a fictional British maker of ice cream. Every unit in them is made up.

    python data/make_harbour_ices.py

writes harbour_ices.csv (60 months) and harbour_ices_next_year.csv (the 12 that follow) beside this file, the same
bytes every time. What goes in, so that nobody has to guess what a method could have found:

    units sold = LEVEL * (1 + GROWTH * years since the start)       a steady trend
                       * SEASON[month]                              July sells 2.9 times January
                       * exp(PER_DEGREE * (temperature - usual))    hotter than usual months sell more
                       * exp(noise)                                 noise ~ Normal(0, NOISE)

Temperature is the mean daily maximum of a month. It is taken from Seattle, whose mild maritime climate is near to
Britain's and whose record is in the public domain (seattle_weather.csv): each month is given the temperature of the
same month in one of Seattle's four years, drawn at random. "Usual" is the mean of those four. The years are labels.

The seed was chosen, not drawn. It is the first of 1, 2, 3, ... whose last year of the sixty months teaches what the
model `seasonal_forecast` is there to teach. Against the model's forecast at its defaults, some month sells over 5 per
cent more and another over 5 per cent less, and the one correction that would have been best in hindsight is 2 to 8 per
cent upwards. The year after played no part in the choice.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

HERE = Path(__file__).parent
SEED = 2
FIRST_YEAR, YEARS, YEARS_SEEN = 2020, 6, 5
LEVEL = 12_500  # units a month at the start
GROWTH = 0.045  # of the starting level, a year
SEASON = (0.58, 0.60, 0.78, 0.95, 1.15, 1.45, 1.68, 1.60, 1.15, 0.80, 0.60, 0.66)  # January to December, mean 1
PER_DEGREE = 0.025  # about 2.5 per cent more for each degree Celsius above the usual
NOISE = 0.06


def temperatures() -> list[list[float]]:
    """For each month, January first, its mean daily maximum in °C in each year of the Seattle record."""
    days: dict[tuple[int, int], list[float]] = {}
    with open(HERE / "seattle_weather.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            year, month = int(row["date"][:4]), int(row["date"][5:7])
            days.setdefault((month, year), []).append(float(row["temperature_max_c"]))
    years = sorted({year for _, year in days})
    return [[math.fsum(days[month, year]) / len(days[month, year]) for year in years] for month in range(1, 13)]


def sales(seed: int = SEED) -> list[tuple[str, int, str]]:
    """All months in order: month, units sold, mean daily maximum in °C."""
    chance = random.Random(seed)
    record = temperatures()
    rows = []
    for step in range(12 * YEARS):
        year, month = divmod(step, 12)
        # Rounded before it is used, so that the temperature in the file is the one that moved the sales.
        temperature = round(chance.choice(record[month]), 1)
        usual = math.fsum(record[month]) / len(record[month])
        noise = chance.gauss(0, NOISE)
        units = LEVEL * (1 + GROWTH * step / 12) * SEASON[month] * math.exp(PER_DEGREE * (temperature - usual) + noise)
        rows.append((f"{FIRST_YEAR + year}-{month + 1:02}", round(units), f"{temperature:.1f}"))
    return rows


def write(folder: Path = HERE, seed: int = SEED) -> None:
    """Write both files to ``folder``."""
    rows = sales(seed)
    seen = 12 * YEARS_SEEN
    for name, part in (("harbour_ices", rows[:seen]), ("harbour_ices_next_year", rows[seen:])):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("month", "units_sold", "temperature_c"))
            writer.writerows(part)


if __name__ == "__main__":
    write()
