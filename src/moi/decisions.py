"""The decisions that marketing and operations share: three levels, their areas, and the chapters that treat them.

The one list behind the map of the book. Levels and areas are those of the integration framework of Malhotra and
Sharma (2002); ``WIDER`` is what later work adds. Questions, contributions and rhythms are this course's own words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Area:
    """One decision area: the question that is settled there and what each function brings to the answer.

    ``pages`` are the chapters that treat it, as paths within the book, written or still to be written.
    """

    name: str
    title: str
    question: str
    pages: tuple[str, ...]
    marketing: str = ""
    operations: str = ""


@dataclass(frozen=True)
class Level:
    """The areas decided with the same reach. ``reach``, ``rhythm`` and ``undoing`` complete the table of the levels."""

    name: str
    title: str
    reach: str
    rhythm: str
    undoing: str
    areas: tuple[Area, ...]


LEVELS = (
    Level(
        "strategic",
        "Strategic level",
        reach="years",
        rhythm="once a year, or when the market or a technology turns",
        undoing="over years and at a loss: a plant is sold for less than it cost",
        areas=(
            Area(
                "strategic-planning",
                "Strategic planning integration",
                "Which customers do we serve, and what operations do we build for them?",
                ("strategic/does-integration-pay", "strategic/aligning-strategies"),
                marketing="which customers, and what they will pay for",
                operations="what plant, process and people can do well",
            ),
            Area(
                "strategic-forecasting",
                "Strategic forecasting",
                "Which markets and which technologies will there be in five years?",
                ("strategic/strategic-forecasting",),
                marketing="how markets may grow and change",
                operations="which technologies, and how much supply",
            ),
            Area(
                "new-products",
                "New product development",
                "What do we offer next, and how will it be made?",
                ("planning/new-product-development",),
                marketing="market appraisal and market tests",
                operations="a process that makes it, its cost and its date",
            ),
        ),
    ),
    Level(
        "tactical",
        "Tactical level",
        reach="months",
        rhythm="every month",
        undoing="within a season and at a price: overtime, a cancelled campaign",
        areas=(
            Area(
                "tactical-forecasting",
                "Tactical forecasting",
                "How much will be asked for, month by month?",
                ("planning/tactical-forecasting",),
                marketing="campaigns, prices and what customers say",
                operations="past sales, and when a shelf was empty",
            ),
            Area(
                "demand-management",
                "Demand management",
                "How do we shape demand to what we can supply?",
                ("planning/capacity-that-perishes",),
                marketing="price, promotion and booking rules",
                operations="which weeks are full and which are idle",
            ),
            Area(
                "sales-and-operations-planning",
                "Sales and operations planning",
                "Which one plan balances demand and supply?",
                ("planning/sales-and-operations-planning",),
                marketing="when to promote, and what it will sell",
                operations="staff, output and stock, month by month",
            ),
        ),
    ),
    Level(
        "operational",
        "Operational level",
        reach="days and weeks",
        rhythm="every day or every week",
        undoing="by tomorrow: the next order can differ",
        areas=(
            Area(
                "operational-integration",
                "Operational integration",
                "What do we promise today, and how do we keep it?",
                ("operational/trade-offs",),
                marketing="which customers and orders come first",
                operations="what is in stock, in work and on the road",
            ),
        ),
    ),
)

WIDER = (
    Area(
        "other-functions",
        "Functions beyond these two",
        "What do finance, research, people and purchasing need from the plan?",
        ("strategic/beyond-two-functions",),
    ),
    Area(
        "supply-chain",
        "Supply chain management",
        "What do our decisions do to suppliers and retailers, and theirs to us?",
        ("strategic/supply-chain",),
    ),
    Area(
        "service-design",
        "Service design",
        "How do we design a process that has the customer inside it?",
        ("planning/service-design",),
    ),
    Area(
        "pricing",
        "Pricing and customer behaviour",
        "How do customers answer a price, and can we supply the answer?",
        ("planning/pricing-and-customer-behaviour",),
    ),
    Area(
        "customer-experience",
        "Customer experience",
        "What does the customer see, feel and wait for?",
        ("operational/customer-experience",),
    ),
    Area("quality", "Quality", "What is good enough, and for whom?", ("operational/quality",)),
    Area(
        "value-in-use",
        "Value in use",
        "What is the product worth to the customer while it is used?",
        (
            "value/products-and-services",
            "value/service-dominant-logic",
            "value/outcome-based-contracts",
            "value/viability-from-variety",
        ),
    ),
)

# The course's own frame around the two: where it begins, and what holds all levels together.
BEFORE = Area("conflict", "Before all levels", "Why do the two pull apart at all?", ("orientation/common-aims",))
ACROSS = Area(
    "mechanisms",
    "Across all levels",
    "What makes integration happen?",
    ("integration/practical-mechanisms", "integration/run-the-firm"),
)


def areas() -> tuple[Area, ...]:
    """Every area on the map, from the top."""
    return (BEFORE, *(area for level in LEVELS for area in level.areas), ACROSS, *WIDER)
