"""Orders: placed once, moved only where the table says, quiet the second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.orders import rules
from lineaviva.keeper.orders.actions import (
    order_activate,
    order_cancel,
    order_expire,
    order_fail,
    order_pay,
    order_place,
    order_refund,
)
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import order_by_code, order_for, orders_for
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed, NotFound
from tests import factories
from tests.keeper.orders.factories import order, quote
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
DATES = {"full_service_until": "2027-11-22", "receive_only_until": None, "number_kept_until": None}


def test_an_order_keeps_what_was_quoted_and_the_dates_of_that_day(now: datetime) -> None:
    made = quote(now=now)
    placed = order_place(quote=made, by=made.line.holder, language="zh-hant", now=now)
    assert (placed.state, placed.total_minor, placed.currency, placed.language) == ("placed", 500, "EUR", "zh-hant")
    assert (placed.line, placed.offering, placed.placed_by) == (made.line, made.offering, made.line.holder)
    assert (placed.placed_at, placed.expires_at, placed.look_at) == (now, now + rules.LIFE, now + rules.LIFE)
    assert placed.dates_before == {
        "full_service_until": "2027-03-31",
        "receive_only_until": "2027-04-30",
        "number_kept_until": "2028-03-31",
    }
    assert rules.code_read(placed.code) == placed.code
    made.refresh_from_db()
    assert made.used_at == now


def test_the_same_quote_gives_the_same_order(now: datetime) -> None:
    made = quote(now=now)
    first = order_place(quote=made, by=made.line.holder, language="it", now=now)
    later = now + timedelta(hours=3)  # the quote's time is over, the order is there
    assert order_place(quote=made, by=made.line.holder, language="en", now=later) == first
    assert ProductOrder.objects.count() == 1


def test_a_second_tab_with_a_quote_of_its_own_finds_the_order_that_waits(now: datetime) -> None:
    line = factories.line(now=now)
    first = order(line=line, now=now)
    assert order(line=line, now=now + timedelta(minutes=5)) == first
    assert order(line=line, price=1000, now=now) != first, "another offering is another order"
    assert order(line=factories.line(now=now), now=now) != first, "another line is another order"
    assert ProductOrder.objects.count() == 3


@pytest.mark.parametrize("ending", ["paid", "cancelled", "over"])
def test_once_an_order_is_paid_or_over_the_next_one_is_new(ending: str, now: datetime) -> None:
    line = factories.line(now=now)
    first = order(line=line, now=now)
    if ending == "paid":
        order_pay(order=first, now=now)
    if ending == "cancelled":
        order_cancel(order=first, by=line.holder, now=now)
    later = first.expires_at if ending == "over" else now
    assert order(line=line, now=later) != first


def test_a_quote_whose_time_is_over_places_nothing(now: datetime) -> None:
    made = quote(now=now)
    with pytest.raises(Conflict) as refusal:
        order_place(quote=made, by=made.line.holder, language="it", now=made.valid_until)
    assert refusal.value.code == "quote_expired"
    assert not ProductOrder.objects.exists()


def test_a_language_that_we_do_not_have_places_nothing(now: datetime) -> None:
    made = quote(now=now)
    with pytest.raises(InvalidInput) as refusal:
        order_place(quote=made, by=made.line.holder, language="fr", now=now)
    assert (refusal.value.code, refusal.value.field) == ("language_unknown", "language")
    assert not ProductOrder.objects.exists()


@pytest.mark.parametrize(
    ("who", "may"),
    [("anna", True), ("bo pays", True), ("bo reads", False), ("chen", True), ("dora", True), ("eve", False)],
)
def test_who_may_order_for_annas_line(who: str, may: bool, now: datetime) -> None:
    made = quote(now=now)
    by = _person(who, made, now)
    if may:
        assert order_place(quote=made, by=by, language="it", now=now).placed_by == by
        return
    with pytest.raises(NotFound):
        order_place(quote=made, by=by, language="it", now=now)
    assert not ProductOrder.objects.exists()
    assert Quote.objects.get(pk=made.pk).used_at is None


def _person(who: str, made: Quote, now: datetime) -> User:
    name, _, right = who.partition(" ")
    if name == "anna":
        return made.line.holder
    role = {"chen": "clerk", "dora": "operations"}.get(name, "holder")
    person = factories.holder(f"{name}@example.org", role=role, now=now)
    if right:
        line_share(
            line=made.line,
            with_email=person.email,
            right="pay" if right == "pays" else "read",
            by=made.line.holder,
            now=now,
        )
    return person


# --- codes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def same_codes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the next codes those that are given, in turn."""

    def choose(*codes: str) -> None:
        left: Iterator[str] = iter(codes)
        monkeypatch.setattr(rules, "code_make", lambda _choose: next(left))

    return choose


def test_a_code_that_is_taken_is_made_again(same_codes: Callable[..., None], now: datetime) -> None:
    same_codes("K2M7F5PW", "K2M7F5PW", "K2M7F5PW", "L2M7F5PW")
    assert [order(now=now).code, order(now=now).code] == ["K2M7F5PW", "L2M7F5PW"]


def test_without_a_free_code_it_fails_loudly_and_places_nothing(same_codes: Callable[..., None], now: datetime) -> None:
    same_codes(*["K2M7F5PW"] * 40)
    order(now=now)
    made = quote(now=now)
    with pytest.raises(RuntimeError, match="no free order code"):
        order_place(quote=made, by=made.line.holder, language="it", now=now)
    assert ProductOrder.objects.count() == 1
    assert Quote.objects.get(pk=made.pk).used_at is None


# --- transitions ------------------------------------------------------------------------------------------------

Act = Callable[[ProductOrder, datetime], Any]
ACTS: dict[str, Act] = {
    "paid": lambda row, now: order_pay(order=row, now=now),
    "active": lambda row, now: order_activate(order=row, dates_after=DATES, now=now),
    "failed": lambda row, now: order_fail(order=row, reason="refused by the operator", now=now),
    "refunded": lambda row, now: order_refund(order=row, now=now),
    "cancelled": lambda row, now: order_cancel(order=row, by=row.placed_by, now=now),
}
WAYS = {
    "placed": [],
    "paid": ["paid"],
    "active": ["paid", "active"],
    "failed": ["paid", "failed"],
    "refunded": ["paid", "failed", "refunded"],
    "cancelled": ["cancelled"],
}


def at(state: str, now: datetime) -> ProductOrder:
    row = order(now=now)
    for step in WAYS[state]:
        ACTS[step](row, now)
    row.refresh_from_db()
    assert row.state == state
    return row


def _quote_taken(row: ProductOrder) -> datetime | None:
    return Quote.objects.get(pk=row.quote_id).used_at


def _rest(row: ProductOrder) -> dict[str, Any]:
    return ProductOrder.objects.filter(pk=row.pk).values().get()


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("target", ACTS)
def test_every_act_in_every_state(state: str, target: str, now: datetime) -> None:
    row = at(state, now)
    before, later = _rest(row), now + timedelta(minutes=1)
    meaning = rules.move(state, target)
    if meaning == "never":
        with pytest.raises(Conflict) as refusal:
            ACTS[target](row, later)
        assert refusal.value.code == f"order_never_{target}"
    else:
        ACTS[target](row, later)
    after = _rest(row)
    if meaning == "go":
        assert after["state"] == target
        assert after["wakes"] == before["wakes"] + 1, "its next step is told"
        assert after["look_at"] == min(later, before["look_at"] or later)
    else:
        assert after == before


def test_what_each_step_writes(now: datetime) -> None:
    later = now + timedelta(minutes=1)
    paid = order_pay(order=at("placed", now), now=later)
    assert (paid.paid_at, paid.active_at, paid.closed_at) == (later, None, None)
    active = order_activate(order=at("paid", now), dates_after=DATES, now=later)
    assert (active.dates_after, active.active_at, active.closed_at) == (DATES, later, None)
    failed = order_fail(order=at("paid", now), reason="x" * 300, now=later)
    assert (failed.reason, failed.closed_at) == ("x" * 200, None)
    assert _quote_taken(failed) is None, "its promotion may be used again"
    refunded = order_refund(order=at("failed", now), now=later)
    assert refunded.closed_at == later


def test_an_order_that_nobody_paid_expires_and_frees_its_quote(now: datetime) -> None:
    row = order_expire(order=order(now=now), now=now + rules.LIFE)
    assert (row.state, row.closed_at, _quote_taken(row)) == ("expired", now + rules.LIFE, None)


@pytest.mark.parametrize("state", WAYS)
def test_expiring_changes_nothing_but_what_waits(state: str, now: datetime) -> None:
    row = at(state, now)
    before = _rest(row)
    order_expire(order=row, now=now)
    assert _rest(row)["state"] == ("expired" if state == "placed" else before["state"])
    if state != "placed":
        assert _rest(row) == before


@pytest.mark.parametrize(
    ("who", "audited"),
    [("anna", 0), ("chen", 1), ("dora", 1), ("owner", 1)],
    ids=["herself", "clerk", "operations", "cli"],
)
def test_who_may_cancel(who: str, audited: int, now: datetime) -> None:
    row = order(now=now)
    by = None if who == "owner" else _person(who, row.quote, now)
    assert order_cancel(order=row, by=by, now=now).state == "cancelled"
    assert order_cancel(order=row, by=by, now=now).state == "cancelled"
    entries = AuditEntry.objects.filter(act="order_cancel", subject=f"order:{row.code}")
    assert [entry.actor for entry in entries] == [by] * audited


@pytest.mark.parametrize("who", ["bo pays", "bo reads", "eve"])
def test_nobody_else_cancels(who: str, now: datetime) -> None:
    row = order(now=now)
    with pytest.raises(NotAllowed) as refusal:
        order_cancel(order=row, by=_person(who, row.quote, now), now=now)
    assert refusal.value.code == "order_not_yours"
    row.refresh_from_db()
    assert row.state == "placed"
    assert not AuditEntry.objects.filter(act="order_cancel").exists()


# --- reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "sees"),
    [("anna", True), ("bo pays", True), ("bo reads", False), ("chen", True), ("dora", True), ("eve", False)],
)
def test_who_sees_annas_order(who: str, sees: bool, now: datetime) -> None:
    row = order(now=now)
    person = _person(who, row.quote, now)
    assert list(orders_for(person)) == ([row] if sees else [])
    if sees:
        assert order_for(user=person, code=row.code) == row
        return
    with pytest.raises(NotFound) as refusal:
        order_for(user=person, code=row.code)
    assert refusal.value.code == "order_unknown"


def test_whoever_ordered_for_a_shared_line_goes_on_seeing_the_order(now: datetime) -> None:
    made = quote(now=now)
    bo = _person("bo pays", made, now)
    row = order_place(quote=made, by=bo, language="it", now=now)
    made.line.shares.all().delete()
    assert list(orders_for(bo)) == [row]
    assert list(orders_for(made.line.holder)) == [row], "it is her line"


@pytest.mark.parametrize("typed", ["", "nothing", "K2M7F5PW", "K2M7F5PW; DROP", "0" * 500], ids=str)
def test_a_code_that_there_is_not(typed: str, now: datetime) -> None:
    row = order(now=now)
    if row.code == typed:
        pytest.fail("one in 236 million")
    for find in (lambda: order_by_code(typed), lambda: order_for(user=row.placed_by, code=typed)):
        with pytest.raises(NotFound) as refusal:
            find()
        assert (refusal.value.code, refusal.value.field) == ("order_unknown", "code")


def test_a_code_is_found_as_people_type_it(now: datetime) -> None:
    row = order(now=now)
    assert order_by_code(f" {row.code[:4].lower()}-{row.code[4:]} ") == row


# --- at once ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("quotes", ["one quote", "a quote each"])
def test_two_tabs_at_once_place_one_order(quotes: str, now: datetime) -> None:
    line = factories.line(now=now)
    made = [quote(line=line, now=now)] * 4 if quotes == "one quote" else [quote(line=line, now=now) for _ in range(4)]
    left = list(made)
    answers = together(4, lambda: order_place(quote=left.pop(), by=line.holder, language="it", now=now))
    assert {answer.pk for answer in answers} == {ProductOrder.objects.get().pk}
    assert Quote.objects.filter(used_at__isnull=False).count() == 1


@pytest.mark.django_db(transaction=True)
def test_paying_and_cancelling_at_once_ends_in_one_of_them(now: datetime) -> None:
    for _ in range(3):
        row = order(now=now)
        acts = [
            lambda row=row: order_pay(order=row, now=now),
            lambda row=row: order_cancel(order=row, by=None, now=now),
        ]
        answers = together(2, lambda acts=acts: acts.pop()())
        row.refresh_from_db()
        refused = [answer for answer in answers if isinstance(answer, LineavivaError)]
        assert len(refused) == 1
        assert row.state in {"paid", "cancelled"}
