"""Comparing plans and finding the smallest act that keeps a line; what is not known stays not known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from lineaviva.keeper.catalogue.actions import catalogue_refresh, promotion_add
from lineaviva.keeper.catalogue.keepalive import Keepalive
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.catalogue.queries import cheapest_keepalive, compare, offering_for, offerings_for
from lineaviva.keeper.catalogue.rules import Need
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.money import Money
from tests import factories

pytestmark = pytest.mark.django_db


def sold(external_id: str, price: int | None = 500, *, operator: str = "tim", **fields: Any) -> Offering:
    plain = {"kind": "topup", "name": external_id, "source": "tmf620", "sellable": True, "extends": True}
    row = {**plain, "operator": operator, "external_id": external_id, "price_minor": price, **fields}
    return Offering.objects.create(key=f"{operator}:{external_id}", **row)


def plan(external_id: str, price: int | None, **fields: Any) -> Offering:
    return sold(external_id, price, **{"kind": "plan", "period_months": 1, "extends": None, **fields})


# --- comparing ----------------------------------------------------------------------------------------------------


def test_plans_stand_side_by_side_best_first(now: datetime) -> None:
    plan("dear", 2000, allowances={"data_mb": -1, "calls_to_china": {"en": "60 minutes"}})
    plan("fits", 800, period_months=None, period_days=28, allowances={"data_mb": 5000, "calls_to_china": {"en": "yes"}})
    plan("short", 100, allowances={"data_mb": 4999, "calls_to_china": {"en": "yes"}})
    plan("dark", 200, allowances={"data_mb": 9000})
    plan("free-of-facts", None, period_months=None, allowances={"data_mb": 9000, "calls_to_china": False})
    sold("topup-5")
    plan("elsewhere", 1, operator="vodafone", allowances={"data_mb": -1, "calls_to_china": {"en": "yes"}})

    found = compare(need=Need(data_mb=5000, calls_to_china=True), operators=["tim"], now=now)

    assert [(one.offering.external_id, one.fits, one.per_month) for one in found] == [
        ("fits", True, Money(869)),
        ("dear", True, Money(2000)),
        ("dark", None, Money(200)),
        ("short", False, Money(100)),
        ("free-of-facts", False, None),
    ]
    assert [(c.name, c.wanted, c.offered, c.met) for c in found[2].criteria] == [
        ("data_mb", 5000, 9000, True),
        ("calls_to_china", True, None, None),
    ]


def test_all_operators_together(now: datetime) -> None:
    plan("a", 300)
    plan("b", 200, operator="vodafone")

    found = compare(need=Need(), operators=["tim", "vodafone"], now=now)

    assert [one.offering.key for one in found] == ["vodafone:b", "tim:a"]


def test_two_currencies_stand_apart(now: datetime) -> None:
    plan("a", 300, currency="CHF")
    plan("b", 900)
    plan("c", 200)
    sold("topup-5", 500)
    sold("topup-4", 400, currency="CHF")

    found = compare(need=Need(), operators=["tim"], now=now)

    assert [str(one.per_month) for one in found] == ["3.00 CHF", "2.00 EUR", "9.00 EUR"]
    assert cheapest_keepalive(line=factories.line(operator="tim", now=now), now=now) is not None


def test_an_operator_that_nobody_knows(now: datetime) -> None:
    with pytest.raises(NotFound):
        compare(need=Need(), operators=["nobody"], now=now)


def test_withdrawn_plans_are_not_compared(now: datetime) -> None:
    plan("gone", 300, withdrawn_at=now)

    assert compare(need=Need(), operators=["tim"], now=now) == []


def test_one_offering_by_its_id(now: datetime) -> None:
    row = sold("topup-5")

    assert offering_for(operator="tim", external_id="topup-5", now=now) == row
    with pytest.raises(NotFound) as refusal:
        offering_for(operator="vodafone", external_id="topup-5", now=now)
    assert (refusal.value.code, refusal.value.field) == ("offering_unknown", "offering")


# --- the smallest act ---------------------------------------------------------------------------------------------


def act_for(line: Line, now: datetime) -> Keepalive:
    act = cheapest_keepalive(line=line, now=now)
    assert act is not None
    return act


def test_the_smallest_topup_of_tim(now: datetime) -> None:
    line = factories.line(operator="tim", last_topup=date(2026, 3, 31), now=now)
    sold("topup-10", 1000)
    sold("topup-4", 400)

    act = act_for(line, now)

    assert (act.offering.external_id, act.total, act.months) == ("topup-4", Money(400), 12)
    assert act.cost_per_year == Money(400)
    assert act.moves == {
        "full_service_until": (date(2027, 3, 31), date(2027, 11, 22)),
        "receive_only_until": (date(2027, 4, 30), date(2027, 12, 22)),
        "number_kept_until": (date(2028, 3, 31), date(2028, 11, 22)),
    }


@pytest.mark.parametrize("many", [1, 12])
def test_more_acts_ask_the_database_no_more(many: int, now: datetime, django_assert_num_queries: Any) -> None:
    line = factories.line(operator="tim", last_topup=date(2026, 3, 31), now=now)
    for euros in range(1, many + 1):
        sold(f"topup-{euros}", 100 * euros)
    with django_assert_num_queries(2):  # what is sold, and the promotions that run
        assert act_for(line, now).total == Money(100)
    known = offerings_for("tim", now)
    with django_assert_num_queries(1):
        act = cheapest_keepalive(line=line, offerings=known, now=now)
    assert act == act_for(line, now)


def test_vodafone_counts_eleven_months(now: datetime) -> None:
    line = factories.line(operator="vodafone", last_topup=date(2026, 3, 31), now=now)
    sold("topup-5", 500, operator="vodafone")

    act = act_for(line, now)

    assert (act.months, act.cost_per_year) == (11, Money(545))
    assert act.moves["full_service_until"] == (date(2027, 2, 28), date(2027, 10, 22))


def test_what_can_be_bought_here_goes_before_what_is_cheaper_elsewhere(now: datetime) -> None:
    line = factories.line(operator="tim", now=now)
    sold("topup-4", 400, sellable=False)
    sold("topup-5", 500)

    assert act_for(line, now).offering.external_id == "topup-5"


def test_without_a_carrier_the_rulebook_still_tells(now: datetime) -> None:
    line = factories.line(operator="windtre", now=now)
    catalogue_refresh(operator="windtre", now=now)

    act = act_for(line, now)

    assert (act.offering.external_id, act.offering.sellable, act.total) == ("topup-5", False, Money(500))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"extends": None}, id="whether it extends is not known"),
        pytest.param({"extends": False}, id="it does not extend"),
        pytest.param({"price": None}, id="price not known"),
        pytest.param({"operator": "vodafone"}, id="another operator's"),
        pytest.param({"valid_until": datetime(2026, 1, 1).astimezone()}, id="over"),
    ],
)
def test_what_is_not_a_keepalive(fields: dict[str, Any], now: datetime) -> None:
    sold("topup-5", **fields)

    assert cheapest_keepalive(line=factories.line(operator="tim", now=now), now=now) is None


@pytest.mark.parametrize(
    ("last_topup", "saved"),
    [
        pytest.param(date(2025, 11, 22), True, id="full service, last day"),
        pytest.param(date(2025, 11, 21), True, id="receive only"),
        pytest.param(date(2025, 10, 21), False, id="off"),
        pytest.param(date(2024, 11, 21), False, id="lost"),
        pytest.param(None, True, id="not known"),
    ],
)
def test_a_topup_saves_only_a_line_that_lives(last_topup: date | None, saved: bool, now: datetime) -> None:
    sold("topup-5")
    line = factories.line(operator="tim", last_topup=last_topup, now=now)

    assert (cheapest_keepalive(line=line, now=now) is not None) is saved


def test_a_topup_goes_before_a_plan_whose_price_is_due_each_month(now: datetime) -> None:
    plan("spark", 199, extends=True)
    sold("topup-5")
    line = factories.line(operator="tim", now=now)

    assert act_for(line, now).offering.external_id == "topup-5"


def test_a_plan_is_counted_with_all_its_months(now: datetime) -> None:
    plan("spark", 199, extends=True)
    line = factories.line(operator="tim", now=now)

    act = act_for(line, now)

    assert (act.total, act.months, act.cost_per_year) == (Money(199), 12, Money(2388))


def test_todays_promotion_is_no_promise_for_the_year(now: datetime) -> None:
    row = sold("topup-5")
    promotion_add(
        operator="tim",
        key="a",
        name="A",
        off_minor=100,
        offering=row,
        valid_from=now,
        valid_until=now + timedelta(1),
        now=now,
    )

    act = act_for(factories.line(operator="tim", now=now), now)

    assert (act.price, act.discount, act.total, act.cost_per_year) == (Money(500), Money(100), Money(400), Money(500))


@pytest.mark.parametrize(
    ("name", "drain"),
    [
        pytest.param("TIM Base e Chat", Money(2400), id="a plan that empties the credit"),
        pytest.param("tim base e chat", Money(2400), id="in any letters"),
        pytest.param("TIM BASE19", None, id="a plan whose fee is not known"),
        pytest.param("Nonna's plan", None, id="a plan that nobody knows"),
        pytest.param("", None, id="no plan named"),
    ],
)
def test_what_the_lines_own_plan_takes(name: str, drain: Money | None, now: datetime) -> None:
    sold("topup-5")

    assert act_for(factories.line(operator="tim", plan=name, now=now), now).drain_per_year == drain


REASONS = {
    "en": [
        "It gives the line 12 months of full service, counted from that day.",
        "Done again each time before they end, that is €5.00 a year.",
        "The money stays on the line as credit.",
        "Beside that the plan TIM Base e Chat takes €24.00 a year from the credit.",
    ],
    "it": [
        "Dà alla linea 12 mesi di servizio completo, contati da quel giorno.",
        "Ripetuta ogni volta prima della scadenza, costa 5,00\xa0€ all’anno.",
        "Il denaro resta sulla linea come credito.",
        "Inoltre l’offerta TIM Base e Chat preleva 24,00\xa0€ all’anno dal credito.",
    ],
    "zh-hans": [
        "从当天算起，号码可完整使用 12 个月。",
        "每次到期前再做一次，相当于每年 €5.00。",
        "充值金额仍作为话费余额留在号码上。",
        "此外，套餐“TIM Base e Chat”每年会从余额中扣除 €24.00。",
    ],
    "zh-hant": [
        "自當日起算，門號可完整使用 12 個月。",
        "每次到期前再做一次，相當於每年 €5.00。",
        "儲值金額仍會作為餘額留在門號上。",
        "此外，資費方案「TIM Base e Chat」每年會從餘額扣除 €24.00。",
    ],
}


@pytest.mark.parametrize("language", REASONS)
def test_it_is_explained_in_the_readers_language(language: str, now: datetime) -> None:
    sold("topup-5")
    act = act_for(factories.line(operator="tim", plan="TIM Base e Chat", now=now), now)

    with override(language):
        assert act.why == REASONS[language]


def test_what_is_not_known_is_said(now: datetime) -> None:
    plan("odd", 300, extends=True, period_months=None, period_days=28)
    line = factories.line(operator="tim", plan="Nonna's plan", now=now)

    with override("en"):
        assert act_for(line, now).why == [
            "It gives the line 12 months of full service, counted from that day.",
            "Its price is due again in each period, that is €39.11 a year.",
            "What the plan Nonna's plan takes from the credit is not known.",
        ]
