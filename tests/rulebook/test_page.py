"""docs/operators.md is what the rulebook says, no more and no less."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineaviva import rulebook
from lineaviva.rulebook.page import page

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = page(rulebook.load())


def section(slug: str) -> str:
    return PAGE.split(f'<a id="{slug}"></a>')[1].split("<a id=")[0]


def test_the_page_in_the_repository_is_up_to_date() -> None:
    assert (ROOT / "docs" / "operators.md").read_text(encoding="utf-8") == PAGE


@pytest.mark.parametrize("slug", rulebook.slugs())
def test_every_operator_and_each_of_its_sources_is_on_the_page(slug: str) -> None:
    operator, text = rulebook.operator(slug), section(slug)
    assert f"## {operator.name}\n" in text
    for source in operator.sources.values():
        assert f"<{source.url}> ({source.date}, {source.kind}, {source.confidence}" in text


@pytest.mark.parametrize(
    "row",
    [
        "| [TIM](#tim) | 12 | 13 | 24 | 4.00 EUR |",
        "| [Vodafone](#vodafone) | 11 / 12 | 12 / 13 | 24 / no limit stated | 5.00 EUR |",
        "| [WindTre](#windtre) | 12 | 13 / 12 + 30 days | 24 / 25 | 5.00 EUR |",
        "| [iliad](#iliad) | 12 | none | 24 | unknown |",
        "| [Tiscali Mobile](#tiscali) | unknown | unknown | unknown | unknown |",
    ],
)
def test_the_periods_at_a_glance(row: str) -> None:
    assert row in PAGE


@pytest.mark.parametrize(
    ("slug", "row"),
    [
        ("tim", "| Extended by a top-up | yes |"),
        ("tim", "|  | ~~11 months~~ set aside: of 2014;"),
        ("tim", "|  | shop (Ricarica+): 5.00 (credit 4.00), 10.00 (credit 9.00) EUR |"),
        ("tim", "|  | **TIM Base e Chat** (base tariff): price 2.00 EUR for 1 month; takes 2.00 EUR a month"),
        ("tim", "| From SIM to eSIM | unknown (price and online way"),
        ("vodafone", "| Top-up amounts | online: 5.00 to 200.00 in steps of 1.00 EUR"),
        ("vodafone", "|  | no limit stated: after 90 days at a dealer"),
        ("vodafone", "| Getting the number back | phone: within 90 days of expiry: call 190, or on the web"),
        ("windtre", "| Smallest top-up that extends | 5.00 EUR"),
        ("kena", "| Still receives | 12 + 30 days: 30 more days: calls come in |"),
        ("digi", "**IllimiTutto** (plan): price 15.00 EUR for 1 month; MB without limit, minutes without limit"),
        ("noitel", "| Network | unknown |  |"),
    ],
)
def test_facts_are_said_in_words(slug: str, row: str) -> None:
    assert row in section(slug)


def test_tables_are_whole() -> None:
    """Every row of a table has as many cells as its head."""
    width = 0
    for line in PAGE.split("\n"):
        cells = line.replace("\\|", "").count("|") - 1 if line.startswith("|") else 0
        width = width or cells
        assert cells in (0, width), line
        width = cells and width


def test_the_law_stands_at_the_end() -> None:
    law = PAGE.split("## The law behind them")[1]
    for rule in rulebook.legal().rules:
        assert f"| {rule.topic} | {rule.text}" in law
