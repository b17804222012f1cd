"""docs/operators.md is what the rulebook says, no more and no less."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineaviva import rulebook
from lineaviva.rulebook.model import Operator
from lineaviva.rulebook.page import page, policy_in_words, say

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
        (
            "tim",
            "Policy `base19`, the default: the offer sleeps; the day of the top-up is its new date; removed: after",
        ),
        ("tim", "Policy `sempre-connesso`: it runs on at 0.90, 0.90 EUR a day, then the offer sleeps; the day of the"),
        (
            "vodafone",
            "0.99, 0.99 EUR a day, then only incoming and emergency calls until a top-up; the day of the top-up",
        ),
        ("vodafone", "is its new date (not known, taken so); removed: not known | 17, 18 |"),
        (
            "iliad",
            "Policy `no-charge`, the default: the fee is tried 2 and 1 days before; the offer sleeps; the day of",
        ),
        (
            "ho",
            "the fee is taken once all the same, so that the credit goes below zero; then the offer sleeps; the day",
        ),
        ("digi", "| Renewal without credit | unknown |  |"),
    ],
)
def test_facts_are_said_in_words(slug: str, row: str) -> None:
    assert row in section(slug)


def test_an_offer_says_which_policy_it_has_and_a_policy_what_is_kept(sample: Operator) -> None:
    offer, policy = sample.offers[0], sample.renewal_policy()
    assert say(offer).endswith("; without credit: policy `sample-once`")
    assert policy_in_words(policy) == (
        "the fee is tried 3 and 1 days before; it runs on at 0.90, 1.80, 0.00 EUR a day, then only incoming and "
        "emergency calls until a top-up; it keeps its old date; removed: after 60 days"
    )


def test_what_is_done_where_nothing_is_known_stands_at_the_head() -> None:
    assert (
        "Where nothing at all is known, the policy is `cautious`:\n"
        "the offer sleeps; the day of the top-up is its new date (not known, taken so); removed: not known.\n"
    ) in PAGE


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
