"""Promotion codes: typed by a person, limited in number, for a person, in time, to an offering; given back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import promotion_add, quote_make
from lineaviva.keeper.catalogue.codes import uses_of
from lineaviva.keeper.catalogue.models import Offering, Promotion, Quote
from lineaviva.keeper.catalogue.queries import cheapest_keepalive
from lineaviva.keeper.catalogue.rules import code_read
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_cancel, order_expire, order_fail, order_pay, order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def welcome(now: datetime, **fields: Any) -> Promotion:
    plain = {"operator": "", "key": "welcome", "name": "Welcome", "off_minor": 200, "code": "WELCOME"}
    return promotion_add(**{**plain, "now": now, "valid_from": now, "valid_until": now + DAY, **fields})


@pytest.fixture
def line(now: datetime) -> Line:
    return factories.line(now=now)


@pytest.fixture
def topup(db: None) -> Offering:
    return orders.offering()


def quote(line: Line, topup: Offering, now: datetime, code: str = "welcome", by: User | None = None) -> Quote:
    return quote_make(line=line, offering=topup, by=by or line.holder, now=now, code=code)


def order(line: Line, topup: Offering, now: datetime, by: User | None = None) -> ProductOrder:
    made = quote(line, topup, now, by=by)
    return order_place(quote=made, by=by or line.holder, language="en", now=now)


def refusal(act: Any) -> str:
    with pytest.raises(LineavivaError) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize("typed", ["WELCOME", "welcome", " wel-come ", "ＷＥＬＣＯＭＥ", "Wel.Come"])
def test_a_code_takes_something_off(typed: str, line: Line, topup: Offering, now: datetime) -> None:
    promotion = welcome(now)
    made = quote(line, topup, now, typed)
    assert (made.promotion, made.price_minor, made.discount_minor, made.total_minor) == (promotion, 500, 200, 300)


@pytest.mark.parametrize("typed", ["", "ab", "x" * 31, "WEL COME!", "ДОБРО", "欢迎光临"])
def test_what_is_no_code(typed: str) -> None:
    assert code_read(typed) == ""


def test_without_its_code_it_counts_for_nobody(line: Line, topup: Offering, now: datetime) -> None:
    welcome(now, operator="tim")
    assert quote(line, topup, now, "").discount_minor == 0
    act = cheapest_keepalive(line=line, now=now)
    assert act is not None
    assert act.discount.minor == 0


@pytest.mark.parametrize(("other", "counts"), [(300, "Autumn"), (200, "Autumn"), (199, "Welcome")])
def test_the_better_one_counts(other: int, counts: str, line: Line, topup: Offering, now: datetime) -> None:
    welcome(now)
    facts = {"valid_from": now, "valid_until": now + DAY, "now": now}
    promotion_add(operator="tim", key="autumn", name="Autumn", off_minor=other, **facts)
    made = quote(line, topup, now)
    assert made.promotion is not None
    assert (made.promotion.name, made.discount_minor) == (counts, max(other, 200))


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "nothing", "promotion_unknown"),
    ({}, "?", "promotion_unknown"),
    ({"valid_from": "later"}, "welcome", "promotion_not_now"),
    ({"valid_until": "now"}, "welcome", "promotion_not_now"),
    ({"operator": "vodafone"}, "welcome", "promotion_not_for_this"),
    ({"operator": "tim", "offering": "topup-10"}, "welcome", "promotion_not_for_this"),
    ({"conditions": {"minimum_minor": 501}}, "welcome", "promotion_not_for_this"),
    ({"conditions": {"sim_type": "esim"}}, "welcome", "promotion_not_for_this"),
]


@pytest.mark.parametrize(("fields", "typed", "code"), REFUSED)
def test_what_a_code_is_not_for(
    fields: dict[str, Any], typed: str, code: str, line: Line, topup: Offering, now: datetime
) -> None:
    instants = {"later": now + timedelta(minutes=1), "now": now}
    given = {name: instants.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    if given.get("offering"):
        given["offering"] = orders.offering("topup-10", price=1000)
    if given.get("valid_until") == now:
        given["valid_from"] = now - DAY
    welcome(now, **given)
    assert refusal(lambda: quote(line, topup, now, typed)) == code
    assert Quote.objects.count() == 0


def test_once_for_a_line(line: Line, topup: Offering, now: datetime) -> None:
    welcome(now, conditions={"once_per_line": True})
    order(line, topup, now)
    assert refusal(lambda: quote(line, topup, now)) == "promotion_used"


# --- limited in number ----------------------------------------------------------------------------------------------


def test_so_many_times_in_all(line: Line, topup: Offering, now: datetime) -> None:
    promotion = welcome(now, uses_most=2)
    late = quote(factories.line(now=now), topup, now)
    for _ in range(2):
        order(factories.line(now=now), topup, now)
    assert refusal(lambda: quote(line, topup, now)) == "promotion_used_up"
    # Who was shown the price before is told so when it is ordered, and nothing is ordered.
    assert refusal(lambda: order_place(quote=late, by=late.line.holder, language="en", now=now)) == "promotion_used_up"
    assert (uses_of(promotion), ProductOrder.objects.count()) == (2, 2)
    late.refresh_from_db()
    assert late.used_at is None


def test_so_many_times_for_a_person(line: Line, topup: Offering, now: datetime) -> None:
    welcome(now, person_most=1)
    bo = factories.holder("bo@example.org")
    order(line, topup, now)
    assert refusal(lambda: quote(factories.line(now=now), topup, now)) == "promotion_used_by_you"
    assert order(factories.line(holder=bo, now=now), topup, now).total_minor == 300


WAYS_BACK = {
    "cancelled": lambda one, now: order_cancel(order=one, by=None, now=now),
    "expired": lambda one, now: order_expire(order=one, now=now + timedelta(hours=49)),
    "failed": lambda one, now: order_fail(order=order_pay(order=one, now=now), reason="no", now=now),
}


@pytest.mark.parametrize("way", WAYS_BACK)
def test_what_came_to_nothing_gives_its_use_back(way: str, line: Line, topup: Offering, now: datetime) -> None:
    promotion = welcome(now, uses_most=1, person_most=1)
    first = order(line, topup, now)
    assert uses_of(promotion) == 1
    for _ in range(2):  # quiet the second time
        WAYS_BACK[way](first, now) if way != "failed" or first.state == "placed" else None
        first.refresh_from_db()
    assert uses_of(promotion) == 0
    order(factories.line(now=now), topup, now)
    assert uses_of(promotion) == 1


def test_the_same_order_again_is_no_second_use(line: Line, topup: Offering, now: datetime) -> None:
    promotion = welcome(now, uses_most=1)
    made = quote(line, topup, now)
    assert len({order_place(quote=made, by=line.holder, language="en", now=now).pk for _ in range(3)}) == 1
    assert uses_of(promotion) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["uses_most", "person_most"])
def test_the_last_use_is_taken_once_by_four_at_once(limit: str, topup: Offering, now: datetime) -> None:
    promotion = welcome(now, **{limit: 1})
    quotes = [quote(factories.line(now=now), topup, now) for _ in range(4)]
    left = list(quotes)

    def place() -> ProductOrder:
        made = left.pop()
        return order_place(quote=made, by=made.line.holder, language="en", now=now)

    codes = sorted(
        getattr(answer, "code", "") if isinstance(answer, LineavivaError) else "" for answer in together(4, place)
    )
    refused = "promotion_used_up" if limit == "uses_most" else "promotion_used_by_you"
    assert codes == ["", refused, refused, refused]
    assert (uses_of(promotion), ProductOrder.objects.count()) == (1, 1)


# --- made -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": "no!"}, "promotion_code_invalid"),
        ({"code": "ab"}, "promotion_code_invalid"),
        ({"uses_most": 0}, "promotion_limit_invalid"),
        ({"person_most": -1}, "promotion_limit_invalid"),
        ({"code": "", "operator": "tim", "uses_most": 5}, "promotion_limit_invalid"),
        ({"code": ""}, "operator_unknown"),
        ({"operator": "nobody"}, "operator_unknown"),
    ],
)
def test_codes_that_make_no_sense(fields: dict[str, Any], code: str, now: datetime) -> None:
    assert refusal(lambda: welcome(now, **fields)) == code
    assert Promotion.objects.count() == 0


def test_a_code_is_given_once(now: datetime) -> None:
    welcome(now)
    with pytest.raises(Conflict) as taken:
        welcome(now, key="another", code="wel come")
    assert taken.value.code == "promotion_code_exists"
    assert Promotion.objects.get().key == ":welcome"


def test_an_offering_needs_its_operator(now: datetime, topup: Offering) -> None:
    with pytest.raises(InvalidInput) as wrong:
        welcome(now, offering=topup)
    assert (wrong.value.code, Promotion.objects.count()) == ("offering_wrong_operator", 0)
