"""Reading a carrier's TMF620 catalogue: every shape that the published API allows, and every way it can go wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from lineaviva.keeper.catalogue.ports import Listing, PromotionDraft
from lineaviva.keeper.catalogue.rules import Draft
from lineaviva.keeper.catalogue.tmf.documents import listing
from lineaviva.keeper.catalogue.tmf.reader import TmfCatalogue
from lineaviva.kernel.errors import Temporary
from tests.conftest import NOON
from tests.keeper.catalogue.conftest import CLIENT, Carrier, characteristics, discount, money, offering, plan


def read(*documents: dict[str, Any], prices: dict[str, Any] | None = None) -> Listing:
    # Through JSON, as the wire has it.
    return listing("tim", json.loads(json.dumps(documents)), prices or {}, now=NOON)


def one(document: dict[str, Any], **prices: Any) -> Draft:
    (draft,) = read(document, prices=prices).offerings
    return draft


@pytest.mark.parametrize(
    ("window", "minor"),
    [
        pytest.param({}, 1698, id="no period: both are charged"),
        pytest.param({"startDateTime": "2026-12-22T00:00:00+01:00"}, 799, id="announced"),
        pytest.param({"endDateTime": "2026-11-22T12:00:00+01:00"}, 799, id="over"),
        pytest.param({"startDateTime": "2026-11-22T12:00:00+01:00"}, 1698, id="from this instant on"),
        pytest.param({"startDateTime": "soon"}, 1698, id="a period that cannot be read"),
    ],
)
def test_only_prices_that_count_now_are_added_up(window: dict[str, str], minor: int) -> None:
    offer = plan()
    (present,) = offer["productOfferingPrice"]
    other = {**present, "id": "spark-price-2", "price": money(8.99), "validFor": window}
    assert one({**offer, "productOfferingPrice": [present, other]}).price_minor == minor


def test_a_topup() -> None:
    assert one(offering()) == Draft(
        operator="tim",
        external_id="topup-5",
        kind="topup",
        name="TIM topup-5",
        source="tmf620",
        price_minor=500,
        sellable=True,
    )


def test_a_plan_with_allowances() -> None:
    known = characteristics(
        data_mb=5000, minutes="unlimited", sms=-1, eu_roaming_mb="7000", calls_to_china="100 minutes", extends=True
    )

    draft = one(plan(prodSpecCharValueUse=known))

    assert (draft.kind, draft.price_minor, draft.period_months, draft.extends) == ("plan", 799, 1, True)
    assert draft.allowances == {
        "data_mb": 5000,
        "minutes": -1,
        "sms": -1,
        "eu_roaming_mb": 7000,
        "calls_to_china": {"en": "100 minutes"},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(False, False, id="said to be without"),
        pytest.param("no", False, id="said in a word"),
        pytest.param(True, {"en": "yes"}, id="said to be with"),
        pytest.param(
            {"zh-hans": "100 分钟", "it": "100 minuti"}, {"zh-hans": "100 分钟", "it": "100 minuti"}, id="texts"
        ),
    ],
)
def test_calls_to_china(value: Any, expected: Any) -> None:
    assert one(plan(prodSpecCharValueUse=characteristics(calls_to_china=value))).allowances == {
        "calls_to_china": expected
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_mb", "lots"),
        ("minutes", True),
        ("sms", 1.5),
        ("eu_roaming_mb", None),
        ("data_mb", "9" * 12),
        ("colour", 3),
    ],
)
def test_an_allowance_that_cannot_be_read_is_not_known(name: str, value: Any) -> None:
    assert one(plan(prodSpecCharValueUse=characteristics(**{name: value}))).allowances == {}


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        pytest.param({"price": money(4.99)}, 499, id="v4.1 with tax"),
        pytest.param({"price": {"unit": "EUR", "value": 4.99}}, 499, id="a ProductOfferingPrice's Money"),
        pytest.param({"price": money("4.99")}, 499, id="as text"),
        pytest.param({"price": money(5)}, 500, id="whole"),
        pytest.param({"price": money(0)}, 0, id="nothing"),
        pytest.param({"price": money(4.999)}, None, id="a tenth of a cent"),
        pytest.param({"price": money(-5)}, None, id="below zero"),
        pytest.param({"price": money("five")}, None, id="a word"),
        pytest.param({"price": money("NaN")}, None, id="not a number"),
        pytest.param({"price": money("1e30")}, None, id="absurd"),
        pytest.param({"price": money("5.000")}, 500, id="with noughts to spare"),
        pytest.param({"price": money(5, "XYZ")}, None, id="no currency of this world"),
        pytest.param({"price": money(5, "")}, 500, id="no currency named"),
        pytest.param({"price": money(500, "JPY")}, 500, id="a currency without cents"),
        pytest.param({"price": {"value": None}}, None, id="empty"),
        pytest.param({"price": 5}, None, id="not an object"),
        pytest.param({}, None, id="only a reference"),
    ],
)
def test_prices(price: dict[str, Any], expected: int | None) -> None:
    assert one(offering(productOfferingPrice=[{"id": "p", "priceType": "oneTime", **price}])).price_minor == expected


def test_several_charges_add_up_and_one_unknown_makes_all_unknown() -> None:
    fee, month = {"id": "a", "price": money(1)}, {"id": "b", "price": money(4)}

    assert one(plan(productOfferingPrice=[fee, month])).price_minor == 500
    assert one(plan(productOfferingPrice=[fee, {"id": "c"}])).price_minor is None
    assert one(plan(productOfferingPrice=[fee, {"id": "d", "price": money(4, "CHF")}])).price_minor is None
    assert one(plan(productOfferingPrice=[])).price_minor is None


def test_a_price_that_is_only_referred_to_is_found_by_its_id() -> None:
    by_reference = offering(productOfferingPrice=[{"id": "p5", "href": "https://x/p5", "name": "5 EUR"}])

    draft = one(by_reference, p5={"id": "p5", "priceType": "oneTime", "price": {"unit": "EUR", "value": 5}})

    assert draft.price_minor == 500


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"recurringChargePeriod": "month", "recurringChargePeriodLength": 1}, (1, None), id="a month"),
        pytest.param({"recurringChargePeriodType": "Months", "recurringChargePeriodLength": 3}, (3, None), id="v4.0"),
        pytest.param({"recurringChargePeriod": "year"}, (12, None), id="no length is one"),
        pytest.param({"recurringChargePeriod": "day", "recurringChargePeriodLength": 28}, (None, 28), id="28 days"),
        pytest.param({"recurringChargePeriod": "weekly", "recurringChargePeriodLength": 4}, (None, 28), id="4 weeks"),
        pytest.param({"recurringChargePeriod": "moon"}, (None, None), id="a unit that is not known"),
        pytest.param({"recurringChargePeriod": "day", "recurringChargePeriodLength": -1}, (None, None), id="negative"),
        pytest.param({"recurringChargePeriod": "day", "recurringChargePeriodLength": True}, (None, None), id="a flag"),
    ],
)
def test_periods(fields: dict[str, Any], expected: tuple[int | None, int | None]) -> None:
    draft = one(plan(productOfferingPrice=[{"id": "p", "price": money(5), **fields}]))

    assert (draft.period_months, draft.period_days) == expected


def test_a_period_may_stand_in_the_term() -> None:
    term = [{"name": "30 days", "duration": {"amount": 30, "units": "days"}}]

    assert one(plan(productOfferingPrice=[], productOfferingTerm=term)).period_days == 30


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"id": "topup-5", "category": []}, "topup"),
        ({"id": "x", "category": [{"id": "7", "name": "Top-Up"}]}, "topup"),
        ({"id": "x", "category": [{"id": "7", "name": "Ricariche"}]}, "plan"),
        ({"id": "x", "category": [{"id": "7", "name": "Ricarica"}]}, "topup"),
        ({"id": "x", "category": [], "@type": "TopUpOffering"}, "topup"),
        ({"id": "spark", "category": [{"id": "plan"}]}, "plan"),
        ({"id": "spark", "category": "plan"}, "plan"),
    ],
)
def test_kinds(fields: dict[str, Any], kind: str) -> None:
    assert one(offering(**fields)).kind == kind


@pytest.mark.parametrize("status", ["Retired", "Obsolete", "In study", "Rejected"])
def test_what_is_not_on_sale_is_not_listed(status: str) -> None:
    assert read(offering(lifecycleStatus=status)).offerings == []


@pytest.mark.parametrize("status", ["Active", "active", "Launched", None])
def test_what_is_on_sale_is_listed(status: str | None) -> None:
    assert one(offering(lifecycleStatus=status)).sellable is True


def test_not_sold_alone_is_listed_and_not_sellable() -> None:
    assert one(offering(isSellable=False)).sellable is False


@pytest.mark.parametrize("fields", [{"id": None}, {"id": ""}, {"id": {}}, {"id": "x" * 61}])
def test_an_offering_without_a_usable_id_is_left_out(fields: dict[str, Any]) -> None:
    assert [draft.external_id for draft in read(offering(**fields), offering("topup-10")).offerings] == ["topup-10"]


def test_validity_is_read() -> None:
    draft = one(offering(validFor={"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2026-12-31T00:00:00"}))

    assert (draft.valid_from, draft.valid_until) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, tzinfo=UTC),
    )


# --- discounts ----------------------------------------------------------------------------------------------------


def discounted(**fields: Any) -> list[PromotionDraft]:
    document = offering()
    document["productOfferingPrice"].append(discount(**fields))
    found = read(document)
    assert found.offerings[0].price_minor == 500  # a discount is no charge
    return found.promotions


def test_a_discount_is_a_promotion() -> None:
    assert discounted() == [
        PromotionDraft(
            key="topup-5:autumn",
            external_id="topup-5",
            name="Autumn",
            off_minor=100,
            valid_from=datetime.fromisoformat("2026-11-01T00:00:00+01:00"),
            valid_until=datetime.fromisoformat("2026-12-01T00:00:00+01:00"),
        )
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"price": money(-1)}, (100, 0), id="written below zero"),
        pytest.param({"price": {"percentage": 20}}, (0, 20), id="v4.1 percentage"),
        pytest.param({"price": None, "percentage": 20}, (0, 20), id="ProductOfferingPrice percentage"),
        pytest.param({"price": {"percentage": -20}}, (0, 20), id="percentage below zero"),
    ],
)
def test_what_a_discount_takes_off(fields: dict[str, Any], expected: tuple[int, int]) -> None:
    (promotion,) = discounted(**fields)

    assert (promotion.off_minor, promotion.off_percent) == expected


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"price": {"percentage": 120}}, id="more than all"),
        pytest.param({"price": money(0)}, id="nothing"),
        pytest.param({"price": None}, id="no amount"),
        pytest.param({"price": money(1, "CHF")}, id="in another currency"),
        pytest.param({"price": {"percentage": 12.5}}, id="a broken percentage"),
        pytest.param({"validFor": {"endDateTime": "soon"}}, id="an end that cannot be read"),
        pytest.param({"constraint": [{"id": "1", "name": "only for students"}]}, id="a condition not understood"),
        pytest.param({"constraint": [{"id": "1", "name": "minimum_minor=ten"}]}, id="a condition not readable"),
    ],
)
def test_a_discount_that_is_not_understood_is_not_given(fields: dict[str, Any]) -> None:
    assert discounted(**fields) == []


def test_conditions_are_read() -> None:
    names = ["minimum_minor=1000", "sim_type=esim", "once_per_line"]

    (promotion,) = discounted(constraint=[{"id": str(n), "name": name} for n, name in enumerate(names)])

    assert promotion.conditions == {"minimum_minor": 1000, "sim_type": "esim", "once_per_line": True}


def test_an_alteration_of_a_price_is_a_promotion_too() -> None:
    document = offering()
    document["productOfferingPrice"][0]["priceAlteration"] = [discount(id=None, validFor=None)]

    (promotion,) = read(document).promotions

    assert (promotion.key, promotion.off_minor, promotion.valid_until) == ("topup-5:topup-5-price-0", 100, None)


# --- over the wire ------------------------------------------------------------------------------------------------


def test_all_pages_are_read(carrier: Carrier) -> None:
    carrier.page = 40
    carrier.lists(*(offering(f"topup-{n}") for n in range(1, 102)))

    found = TmfCatalogue().read("tim")

    assert len(found.offerings) == 101
    assert [path.partition("?")[2] for path in carrier.asked] == [
        "offset=0&limit=100",
        "offset=40&limit=100",
        "offset=80&limit=100",
    ]


def test_prices_are_fetched_only_where_they_are_only_referred_to(carrier: Carrier) -> None:
    carrier.lists(
        offering(productOfferingPrice=[{"id": "p5"}]), prices=[{"id": "p5", "price": {"unit": "EUR", "value": 5.0}}]
    )

    assert TmfCatalogue().read("tim").offerings[0].price_minor == 500
    assert [path.rpartition("/")[2].partition("?")[0] for path in carrier.asked] == [
        "productOffering",
        "productOfferingPrice",
    ]


def test_cents_are_not_lost_in_a_float(carrier: Carrier) -> None:
    carrier.lists(*(offering(f"topup-{cents}", price=cents / 100) for cents in range(1, 100)))

    drafts = TmfCatalogue().read("tim").offerings

    assert [draft.price_minor for draft in drafts] == list(range(1, 100))


def test_an_empty_catalogue_is_an_answer(carrier: Carrier) -> None:
    assert TmfCatalogue().read("tim") == Listing([], [])


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        pytest.param(500, b"{}", "the carrier answered 500 for /productOffering", id="broken"),
        pytest.param(503, b"", "the carrier answered 503 for /productOffering", id="busy"),
        pytest.param(404, b"{}", "the carrier answered 404 for /productOffering", id="not there"),
        pytest.param(302, b"", "the carrier answered 302 for /productOffering", id="elsewhere"),
        pytest.param(200, b"<html>", "the carrier's answer for /productOffering is no JSON", id="a page"),
        pytest.param(200, b"\xff\xfe", "the carrier's answer for /productOffering is no JSON", id="no text"),
        pytest.param(200, b'{"a": 1}', "the carrier's answer for /productOffering is no list of resources", id="one"),
        pytest.param(200, b"[1]", "the carrier's answer for /productOffering is no list of resources", id="numbers"),
        pytest.param(200, b"[" * 100_000, "the carrier's answer for /productOffering is no JSON", id="too deep"),
        pytest.param(200, b" " * 9_000_000, "the carrier's answer is too large for a catalogue", id="too large"),
    ],
)
def test_a_carrier_that_cannot_be_read(carrier: Carrier, status: int, body: bytes, reason: str) -> None:
    carrier.answer = lambda path: (status, body)

    with pytest.raises(Temporary) as refusal:
        TmfCatalogue().read("tim")

    assert refusal.value.reason == reason


def test_a_page_that_is_missing_is_no_catalogue(carrier: Carrier) -> None:
    carrier.page = 2
    carrier.lists(*(offering(f"topup-{n}") for n in range(5)))
    carrier.answer = lambda path: (500, b"") if len(carrier.asked) == 3 else None

    with pytest.raises(Temporary):
        TmfCatalogue().read("tim")


@pytest.mark.parametrize(
    ("clients", "reason"),
    [
        pytest.param({"tim": ("keeper", "another")}, r"gives us no token \(invalid_client\)", id="another secret"),
        pytest.param({}, "LINEAVIVA_TMF_CLIENTS names no client for tim", id="no client"),
    ],
)
def test_a_refused_client(
    carrier: Carrier, settings: Settings, clients: dict[str, tuple[str, str]], reason: str
) -> None:
    settings.TMF_CLIENTS = clients

    with pytest.raises(Temporary, match=reason):
        TmfCatalogue().read("tim")

    assert carrier.asked == []


def test_a_token_that_was_ended_is_replaced_once(carrier: Carrier) -> None:
    carrier.lists(offering())
    TmfCatalogue().read("tim")
    carrier.token = "the carrier's next token"

    assert len(TmfCatalogue().read("tim").offerings) == 1
    assert (carrier.tokens_given, len(carrier.asked)) == (2, 3)


def test_a_token_that_is_never_taken(carrier: Carrier) -> None:
    carrier.answer = lambda path: (401, b"{}")

    with pytest.raises(Temporary, match="the carrier answered 401 for /productOffering"):
        TmfCatalogue().read("tim")

    assert len(carrier.asked) == 2


def test_nobody_listens(settings: Settings) -> None:
    settings.TMF_URLS, settings.TMF_CLIENTS = {"tim": "http://127.0.0.1:9"}, {"tim": CLIENT}

    with pytest.raises(Temporary, match="no token could be fetched: ConnectError"):
        TmfCatalogue().read("tim")


def test_nobody_listens_any_more(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("broken")

    with pytest.raises(Temporary, match="the carrier cannot be reached: ConnectError"):
        TmfCatalogue(httpx.MockTransport(broken)).read("tim")
