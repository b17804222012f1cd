"""`lineaviva catalogue`: what people and programs read of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pytest_django import Settings

from lineaviva.cli.catalogue import app
from lineaviva.keeper.catalogue.models import Offering, Promotion
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NotFound
from tests import factories
from tests.cli.in_process import Done, run
from tests.keeper.catalogue.conftest import Carrier, carrier, offering, plan

__all__ = ["carrier"]
pytestmark = pytest.mark.django_db


def catalogue(*words: str) -> Done:
    return run(app, *words)


@pytest.fixture(autouse=True)
def no_carriers(settings: Settings) -> None:
    settings.TMF_URLS = {}


def test_refresh_reads_every_operator() -> None:
    ran = catalogue("refresh", "--json")

    assert (ran.code, len(ran.json["read"]), ran.json["failed"]) == (0, 18, {})


def test_refresh_says_which_carrier_is_down(carrier: Carrier) -> None:
    carrier.answer = lambda path: (503, b"")

    ran = catalogue("refresh", "--operator", "tim", "--json")

    assert (ran.code, ran.json) == (
        1,
        {"read": [], "failed": {"tim": "the carrier answered 503 for /productOffering"}},
    )


def test_list(carrier: Carrier) -> None:
    carrier.lists(offering("topup-5"), plan("spark"))
    assert catalogue("refresh", "--operator", "tim").code == 0

    found = catalogue("list", "--operator", "tim", "--json").json

    assert found["operator"] == "tim"
    assert "tim.it/ricarica" in " ".join(found["elsewhere"])
    assert found["offerings"][0] == {
        "external_id": "topup-5",
        "kind": "topup",
        "name": "TIM topup-5",
        "price_minor": 500,
        "currency": "EUR",
        "period_months": None,
        "period_days": None,
        "allowances": {},
        "extends": True,
        "sellable": True,
        "source": "tmf620",
        "source_url": found["offerings"][0]["source_url"],
        "source_date": "~2019-01",
        "note": found["offerings"][0]["note"],
        "valid_until": None,
    }
    table = catalogue("list", "--operator", "tim").out
    assert "TIM BASE19" in table
    assert "not known" in table
    assert "What is not sold here:" in table


def test_compare() -> None:
    assert catalogue("refresh", "--operator", "spusu").code == 0

    found = catalogue("compare", "--need", "data_mb=1000,minutes=101", "--operator", "spusu", "--json").json

    assert found["need"] == {"data_mb": 1000, "minutes": 101}
    first = next(plan for plan in found["plans"] if plan["name"] == "spusu 1")
    assert (first["per_month_minor"], first["fits"], first["as_of"]) == (399, False, "2021-02-12")
    assert first["criteria"] == [
        {"name": "data_mb", "wanted": 1000, "offered": 1000, "met": True},
        {"name": "minutes", "wanted": 101, "offered": 100, "met": False},
    ]
    assert "no (100)" in catalogue("compare", "--need", "minutes=101", "--operator", "spusu").out


def test_cheapest(now: datetime) -> None:
    factories.line(operator="tim", msisdn="+393471234567", last_topup=date(2026, 3, 31), now=now)
    assert catalogue("refresh", "--operator", "tim").code == 0

    found = catalogue("cheapest", "347 123 4567", "--json").json["keepalive"]

    assert (found["offering"], found["total_minor"], found["cost_per_year_minor"], found["months"]) == (
        "topup-4",
        400,
        400,
        12,
    )
    assert found["moves"]["full_service_until"] == {"before": "2027-03-31", "after": "2027-11-22"}
    assert found["why"][0] == "It gives the line 12 months of full service, counted from that day."
    table = catalogue("cheapest", "3471234567").out
    assert "2027-11-22" in table
    assert "3471234567" not in table


def test_nothing_is_known_to_help(now: datetime) -> None:
    factories.line(operator="tim", msisdn="+393471234567", now=now)

    ran = catalogue("cheapest", "3471234567", "--json")

    assert (ran.code, ran.json) == (1, {"keepalive": None})


PROMOTION = ["promotion", "add", "--operator", "tim", "--key", "autumn", "--name", "Autumn"]
PERIOD = ["--from", "2026-12-01", "--until", "2027-01-01"]


def test_a_promotion_is_added_and_listed(now: datetime) -> None:
    Offering.objects.create(key="tim:topup-10", operator="tim", external_id="topup-10", kind="topup", name="10")

    words = ["--off", "1,50", "--percent", "5", "--offering", "topup-10", "--minimum", "10", "--sim-type", "esim"]
    made = catalogue(*PROMOTION, *PERIOD, *words, "--once-per-line", "--json").json

    assert made == {
        "key": "tim:autumn",
        "operator": "tim",
        "name": "Autumn",
        "off_minor": 150,
        "off_percent": 5,
        "valid_from": "2026-12-01T00:00:00+01:00",
        "valid_until": "2027-01-01T00:00:00+01:00",
        "conditions": {"minimum_minor": 1000, "sim_type": "esim", "once_per_line": True},
        "source": "staff",
        "offering": "topup-10",
        **{"code": "", "uses_most": None, "person_most": None, "uses": 0},
    }
    assert [one["key"] for one in catalogue("promotion", "list", "--json").json["promotions"]] == ["tim:autumn"]
    assert "1.50 EUR + 5 %" in catalogue("promotion", "list").out


def test_a_code_for_all_operators_is_added_and_listed(now: datetime) -> None:
    words = ["promotion", "add", "--key", "welcome", "--name", "Welcome", *PERIOD, "--off", "2", "--code", "wel-come"]
    made = catalogue(*words, "--uses", "100", "--per-person", "1", "--json").json
    names = ("key", "operator", "code", "uses_most", "person_most", "uses", "offering")
    assert [made[name] for name in names] == [":welcome", "", "WELCOME", 100, 1, 0, None]
    assert "WELCOME" in (listed := catalogue("promotion", "list").out)
    assert "0 of 100" in listed


REFUSED: list[Any] = [
    pytest.param(["list", "--operator", "nobody"], NotFound, "operator_unknown", id="operator"),
    pytest.param(["refresh", "--operator", "nobody"], NotFound, "operator_unknown", id="operator to refresh"),
    pytest.param(["compare", "--need", "speed=9"], InvalidInput, "need_unknown", id="need"),
    pytest.param(["compare", "--need", "sms=x"], InvalidInput, "need_invalid", id="number"),
    pytest.param(["cheapest", "12"], InvalidInput, "msisdn_invalid", id="phone number"),
    pytest.param(["cheapest", "3479999999"], NotFound, "line_unknown", id="line"),
    pytest.param([*PROMOTION, *PERIOD], InvalidInput, "promotion_off_invalid", id="takes nothing off"),
    pytest.param([*PROMOTION, *PERIOD, "--off", "1", "--code", "!"], InvalidInput, "promotion_code_invalid", id="code"),
    pytest.param(
        [*PROMOTION, *PERIOD, "--off", "1", "--uses", "1"], InvalidInput, "promotion_limit_invalid", id="uses"
    ),
    pytest.param(
        ["promotion", "add", "--key", "k", "--name", "N", *PERIOD, "--off", "1"],
        NotFound,
        "operator_unknown",
        id="no operator and no code",
    ),
    pytest.param([*PROMOTION, "--from", "1 Dec", "--until", "2027-01-01"], InvalidInput, "invalid_input", id="day"),
    pytest.param([*PROMOTION, *PERIOD, "--off", "1,234"], InvalidInput, "amount_invalid", id="amount"),
    pytest.param([*PROMOTION, *PERIOD, "--off", "1", "--sim-type", "paper"], InvalidInput, "invalid_input", id="SIM"),
    pytest.param([*PROMOTION, *PERIOD, "--off", "1", "--offering", "x"], NotFound, "offering_unknown", id="offering"),
    pytest.param(
        [*PROMOTION, "--off", "1", "--from", "2027-01-01", "--until", "2027-01-01"],
        InvalidInput,
        "promotion_period_invalid",
        id="period",
    ),
]


@pytest.mark.parametrize(("words", "kind", "code"), REFUSED)
def test_what_is_refused(words: list[str], kind: type[LineavivaError], code: str) -> None:
    ran = catalogue(*words)

    assert isinstance(ran.error, kind)
    assert ran.error.code == code
    assert (Offering.objects.count(), Promotion.objects.count()) == (0, 0)
