"""What the book says, and what it says it does not know."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from lineaviva import rulebook
from lineaviva.kernel.errors import InvalidInput, NotFound
from lineaviva.kernel.money import Money
from lineaviva.rulebook.facts import Fact, Facts, Offer, Verdict

SLUGS = (
    "tim",
    "vodafone",
    "windtre",
    "iliad",
    "1mobile",
    "cmlink",
    "coopvoce",
    "digi",
    "fastweb",
    "ho",
    "kena",
    "lycamobile",
    "noitel",
    "optima",
    "postemobile",
    "spusu",
    "tiscali",
    "very",
)


def test_all_eighteen_operators_are_there_the_big_networks_first() -> None:
    assert rulebook.slugs() == SLUGS
    assert [operator.slug for operator in rulebook.operators()] == list(SLUGS)
    assert tuple(rulebook.load().operators) == SLUGS


def test_the_book_is_read_once() -> None:
    assert rulebook.load() is rulebook.load()
    assert rulebook.operator("tim") is rulebook.load().operators["tim"]
    assert rulebook.operator("tim").law is rulebook.legal()


@pytest.mark.parametrize("slug", ["", "TIM", "telecom", "../legal", "tim.toml"])
def test_an_operator_that_is_not_in_the_book(slug: str) -> None:
    with pytest.raises(NotFound) as refusal:
        rulebook.operator(slug)
    assert (refusal.value.code, refusal.value.field, refusal.value.status) == ("operator_unknown", "operator", 404)
    assert refusal.value.message.startswith(f"operator {slug!r} is not in the rulebook; known are tim, vodafone,")


def test_importing_it_reads_no_file_and_loads_no_schema_library() -> None:
    code = (
        "import json, sys; from lineaviva import rulebook; "
        "print(json.dumps([name for name in ('jsonschema', 'tomllib', 'django', 'pydantic') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("tim", {"topup": True, "activation": True, "plan": True, "use": None, "sim_change": None}),
        ("vodafone", {"topup": True, "activation": True, "plan": False, "use": False, "sim_change": None}),
        ("windtre", {"topup": True, "activation": True, "plan": None, "use": None, "sim_change": None}),
        ("iliad", {"topup": True, "activation": None, "plan": None, "use": True, "sim_change": None}),
        ("fastweb", {"topup": True, "activation": True, "plan": None, "use": True, "sim_change": None}),
        ("coopvoce", {"topup": True, "activation": True, "plan": None, "use": None, "sim_change": None}),
        ("tiscali", {"topup": None, "activation": None, "plan": None, "use": None, "sim_change": None}),
    ],
)
def test_what_extends_a_line(slug: str, expected: dict[str, bool | None]) -> None:
    operator = rulebook.operator(slug)
    assert {kind: operator.extends(kind) for kind in rulebook.EVENT_KINDS} == expected


def test_an_event_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        rulebook.operator("tim").extends("prayer")
    assert (refusal.value.code, refusal.value.field) == ("event_kind_unknown", "kind")


@pytest.mark.parametrize(
    ("slug", "minor"),
    # TIM: any amount extends, and 4 EUR is the smallest that is sold online. WindTre names 5 EUR itself.
    [("tim", 400), ("vodafone", 500), ("windtre", 500), ("iliad", None), ("tiscali", None)],
)
def test_the_smallest_topup_that_extends(slug: str, minor: int | None) -> None:
    expected = None if minor is None else Money(minor, "EUR")
    assert rulebook.operator(slug).smallest_extending_topup == expected


def test_amounts_of_a_channel_and_what_reaches_the_credit() -> None:
    sold = [(one.channel, one.minor, one.credit_minor) for one in rulebook.operator("windtre").denominations]
    assert sold == [
        ("online", 500, 500),
        ("online", 1000, 1000),
        ("online", 1500, 1500),
        ("online", 2500, 2500),
        ("online", 5000, 5000),
        ("online", 10000, 10000),
        ("online", 500, 400),
        ("online", 1000, 900),
    ]


def test_an_amount_that_can_be_chosen() -> None:
    free = rulebook.operator("vodafone").denominations[0]
    assert (free.channel, free.minor, free.up_to_minor, free.step_minor) == ("online", 500, 20000, 100)
    assert free.price == Money(500, "EUR")


def offer(slug: str, offer_id: str) -> Offer:
    return {one.id: one for one in rulebook.operator(slug).offers}[offer_id]


def test_an_offer_keeps_apart_what_is_nothing_and_what_is_not_known() -> None:
    base = offer("tim", "tim-base19")
    assert (base.price, base.period_months, base.monthly_drain) == (None, None, None)
    assert (base.data_mb, base.minutes, base.sms, base.eu_roaming_mb) == (0, 0, 0, None)
    assert base.per_use["data"] == "2 EUR on each day of use, 500 MB"
    assert (base.on_sale, base.extends, base.calls_to_china) == ("unknown", None, "")
    unlimited = offer("digi", "digi-illimitutto")
    assert (unlimited.data_mb, unlimited.minutes, unlimited.sms) == (-1, -1, None)
    assert (unlimited.price, unlimited.period_months) == (Money(1500, "EUR"), 1)
    assert offer("tim", "tim-international-base").extends is True


@pytest.mark.parametrize(
    ("slug", "offer_id", "drain"),
    [
        ("tim", "tim-base-e-chat", 200),
        ("tim", "tim-no-offer", 199),
        ("windtre", "windtre-basic-new", 400),
        ("spusu", "spusu-1", 399),
        ("spusu", "spusu-base", None),
    ],
)
def test_what_an_offer_takes_without_any_use(slug: str, offer_id: str, drain: int | None) -> None:
    assert offer(slug, offer_id).monthly_drain == (None if drain is None else Money(drain, "EUR"))


def test_late_renewal_keeps_answers_that_contradict() -> None:
    late = rulebook.operator("windtre").late_renewal
    assert [(one.charge and one.charge.minor, one.days) for one in late] == [(99, 3), (99, 5), (99, 2)]
    assert [(one.charge and one.charge.minor, one.days) for one in rulebook.operator("tim").late_renewal] == [
        (90, 2),
        (90, None),
        (0, 0),
    ]


def test_the_shutdown_of_vodafones_old_systems_is_a_risk_with_its_day() -> None:
    shutdown = rulebook.operator("vodafone").risks[0]
    assert (shutdown.id, shutdown.kind, shutdown.on) == (
        "vodafone-legacy-shutdown",
        "shutdown",
        date(2025, 12, 15),
    )
    assert len(shutdown.sources) == 4


def test_whom_to_ask() -> None:
    tim, vodafone = rulebook.operator("tim"), rulebook.operator("vodafone")
    assert [one.reach for one in tim.care.italy] == ["119"]
    assert [one.reach for one in tim.care.abroad] == ["+39 339 9119"]
    assert vodafone.care.abroad == ()
    assert vodafone.channels.care_abroad.why_unknown == "no number of customer care from abroad was found"


def test_esim_rules() -> None:
    windtre = rulebook.operator("windtre").esim
    assert [one.value for one in windtre.offered] == [True]
    assert [one.amount.minor for one in windtre.price] == [1000, 1500]
    assert len(windtre.redownload) == 1
    assert rulebook.operator("kena").esim.offered == ()


@pytest.mark.parametrize(
    ("slug", "language", "name"),
    [
        ("tim", "zh-hans", "TIM（意大利电信）"),
        ("tim", "zh-Hant", "TIM（義大利電信）"),
        ("tim", "it", "TIM"),
        ("vodafone", "en", "Vodafone Italy"),
        ("vodafone", "de", "Vodafone"),
        ("cmlink", "zh-hans", "CMLink 意大利（中国移动国际）"),
    ],
)
def test_a_name_for_each_reader(slug: str, language: str, name: str) -> None:
    assert rulebook.operator(slug).display_name(language) == name


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("slug", SLUGS)
def test_white_text_can_be_read_on_the_colour(slug: str) -> None:
    assert 1.05 / (luminance(rulebook.operator(slug).colour) + 0.05) >= 4.5


def all_facts(value: Any) -> list[Fact]:
    """Every fact in an operator, wherever it stands."""
    if isinstance(value, Fact):
        return [value]
    if isinstance(value, Facts):
        return [fact for inner in value for fact in all_facts(inner)]
    if isinstance(value, dict):
        return [fact for inner in value.values() for fact in all_facts(inner)]
    if hasattr(value, "__dataclass_fields__"):
        return [fact for name in value.__dataclass_fields__ for fact in all_facts(getattr(value, name))]
    return []


@pytest.mark.parametrize("slug", SLUGS)
def test_every_fact_has_a_source_and_a_confidence(slug: str) -> None:
    operator = rulebook.operator(slug)
    facts = [
        fact
        for section in (operator.network, operator.validity, operator.topup, operator.plans, operator.renewal)
        for fact in all_facts(section)
    ]
    facts += [
        fact
        for section in (operator.channels, operator.esim, operator.residual_credit, operator.warnings, operator.words)
        for fact in all_facts(section)
    ]
    for fact in facts:
        assert fact.sources or (isinstance(fact, Verdict) and fact.answer == "unknown")
        assert fact.confidence in ("high", "medium", "low")
        for source in fact.sources:
            assert source.kind in ("official", "press", "blog", "forum")


def test_confidence_is_that_of_the_best_source() -> None:
    validity = rulebook.operator("tim").validity
    assert [one.confidence for one in validity.full_service] == ["medium", "low"]


def test_unknown_says_why_where_there_is_more_to_say() -> None:
    lyca = rulebook.operator("lycamobile").validity
    assert (lyca.full_service, lyca.full_service.why_unknown) == (
        (),
        "the terms exist, but the clause could not be read",
    )
    assert (lyca.receive_only, lyca.receive_only.why_unknown) == ((), "")


def test_the_law() -> None:
    legal = rulebook.legal()
    assert [rule.id for rule in legal.rules] == [
        "number-ceased",
        "suspension",
        "notice",
        "older-number-rule",
        "credit-does-not-expire",
        "credit-back",
        "withdrawal",
        "credit-transfer-fee",
        "special-amounts",
        "eu-roaming-2026",
        "eu-roaming-permanent",
        "price-changes",
        "identity",
        "identity-non-eu",
        "sim-change-and-porting",
        "digital-identity",
        "vat",
    ]
    assert (legal.rule("number-ceased").months, legal.rule("notice").days) == (24, 30)
    assert legal.period("suspension").last_day(date(2024, 2, 29)) == date(2025, 2, 28)
    assert "art. 74" in legal.rule("vat").text
    assert "40/2007" in legal.rule("credit-does-not-expire").text
