"""Writes of the till: its days, and the cash that a clerk takes or gives back.

Rows are locked in one order: the open day first, then as payments do it (order, attempt, refund). So whoever closes the
day waits for cash that is being taken, and cash that comes after it finds the till closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Kind
from lineaviva.keeper.books.rules import BANK, DIFFERENCE, TILL, moved
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments.actions import cash_confirm
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import paying_attempt
from lineaviva.keeper.payments.refunding import WayOut, refund_confirm
from lineaviva.keeper.till import errors, rules
from lineaviva.keeper.till.models import CashTaken, TillDay
from lineaviva.keeper.till.queries import NAME, back_of, days_kept, expected_cash
from lineaviva.kernel import agenda
from lineaviva.kernel.money import Money

_NOTHING = Money(0)


# --- days -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def till_open(*, by: User, cash: Money, brought: Money = _NOTHING, reason: str = "", now: datetime) -> TillDay:
    """Begin a day of the till with `cash` counted in it, of which `brought` came from the bank just now.

    Where the books say otherwise, `reason` says why and the rest is posted against `difference`; on the very first day
    against `bank`, since nobody has counted before. The same person with the same amounts a second time gets the same
    day.

    Raises NotAllowed (clerks and operations only), InvalidInput, Conflict (till_open), and CountDiffers.
    """
    require_role(by, Role.CLERK, Role.OPERATIONS)
    _amounts(cash=cash, brought=brought)
    if brought > cash:
        raise errors.brought_too_much()
    try:
        # The database lets one day be open; whoever comes second waits here until the first has made up their mind.
        with transaction.atomic():
            day = TillDay.objects.create(
                opened_at=now, opened_by=by, float_minor=cash.minor, brought_minor=brought.minor
            )
    except IntegrityError:
        return _open_already(by, cash, brought)
    first = not TillDay.objects.filter(till=NAME).exclude(pk=day.pk).exists()
    found = _differs(cash, expected_cash() + brought, None, reason=reason, needed=not first)
    day.found_minor, day.opening_reason = found.minor, _one_line(reason)
    day.save(update_fields=["found_minor", "opening_reason"])
    _post(day, "brought", Kind.CORRECTION, brought, against=BANK, now=now)
    _post(day, "found", Kind.CORRECTION, found, against=BANK if first else DIFFERENCE, now=now)
    detail = {"float": str(cash), "brought": str(brought), "found": str(found), "reason": day.opening_reason}
    audit(actor=by, act="till_open", subject=f"till:{day.pk}", detail=detail, now=now)
    return day


def _open_already(by: User, cash: Money, brought: Money) -> TillDay:
    day = TillDay.objects.filter(till=NAME, closed_at=None).first()
    wanted = (by.pk, cash.minor, brought.minor)
    if day is None or (day.opened_by_id, day.float_minor, day.brought_minor) != wanted:
        raise errors.till_open_already()
    return day


@transaction.atomic
def till_close(
    *,
    day: TillDay,
    by: User,
    counted: Money,
    banked: Money = _NOTHING,
    pieces: Mapping[int, int] | None = None,
    reason: str = "",
    expected: Money | None = None,
    now: datetime,
) -> TillDay:
    """End a day: `counted` is in the till, `banked` of it is taken to the bank and the rest stays.

    Where the books say otherwise `reason` says why, and the till's account is made what was counted, against
    `difference`. `expected` is what the page said, if it said it: money that came since is then counted again, and not
    written off by a reason that was not meant for it. The same count a second time gets the same day.

    Raises NotAllowed (clerks and operations only), InvalidInput, Conflict (till_closed), and CountDiffers.
    """
    require_role(by, Role.CLERK, Role.OPERATIONS)
    _amounts(counted=counted, banked=banked)
    if banked > counted:
        raise errors.banked_too_much()
    row = TillDay.objects.select_for_update().get(pk=day.pk)
    if not row.is_open:
        if (row.counted_minor, row.banked_minor) != (counted.minor, banked.minor):
            raise errors.till_closed()
        return row
    has_to_be = expected_cash()
    difference = _differs(counted, has_to_be, expected, reason=reason)
    row.closed_at, row.closed_by, row.reason = now, by, _one_line(reason)
    row.expected_minor, row.counted_minor, row.banked_minor = has_to_be.minor, counted.minor, banked.minor
    row.pieces = {str(piece): number for piece, number in (pieces or {}).items() if number}
    row.save()
    _post(row, "difference", Kind.CORRECTION, difference, against=DIFFERENCE, now=now)
    _post(row, "banked", Kind.PAYOUT, -banked, against=BANK, now=now)
    sums = {"expected": has_to_be, "counted": counted, "difference": difference, "banked": banked}
    detail = {**{name: str(money) for name, money in sums.items()}, "reason": row.reason}
    audit(actor=by, act="till_close", subject=f"till:{row.pk}", detail=detail, now=now)
    return row


def _amounts(**amounts: Money) -> None:
    for field, money in amounts.items():
        if money.currency != "EUR" or money.minor < 0:
            raise errors.amount_negative(field)
        if money.minor > rules.MOST_MINOR:
            raise errors.amount_too_large(field)


def _differs(counted: Money, has_to_be: Money, seen: Money | None, *, reason: str, needed: bool = True) -> Money:
    """What was counted beyond what has to be there. CountDiffers where money moved since, or where nobody says why."""
    if seen is not None and seen != has_to_be:
        raise errors.CountDiffers("moved", expected=has_to_be, counted=counted)
    if counted != has_to_be and needed and not _one_line(reason):
        raise errors.CountDiffers("no_reason", expected=has_to_be, counted=counted)
    return counted - has_to_be


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _post(day: TillDay, what: str, kind: str, amount: Money, *, against: str, now: datetime) -> None:
    """`amount` into the till, out of `against`; below zero the other way."""
    key = f"till:{day.pk}:{what}"
    entries = moved(amount, debit=TILL, credit=against)
    post(key=key, kind=kind, entries=entries, at=now, reference=f"till:{day.pk}", detail={"what": what})


# --- cash -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def cash_take(*, code: str, clerk: User, given: Money | None = None, now: datetime) -> ProductOrder:
    """A clerk has `given` in hand for an order (None: exactly its total), and gives the change back: it is paid.

    The second time is quiet, and what was written down the first time stays. Raises InvalidInput (given_too_little,
    given_too_much), Conflict (till_closed), and what `cash_confirm` raises.
    """
    require_role(clerk, Role.CLERK, Role.OPERATIONS)
    day = _day_open()
    order = agenda.locked(ProductOrder, order_by_code(code).pk)
    if paying_attempt(order) is not None:
        return cash_confirm(code=code, clerk=clerk, now=now)
    total = Money(order.total_minor, order.currency)
    handed = total if given is None else given
    change = rules.change(total, handed)
    _require_open(day)
    order = cash_confirm(code=code, clerk=clerk, now=now)
    CashTaken.objects.create(
        attempt=PaymentAttempt.objects.get(order=order, state="succeeded", surplus=False),
        day=day,
        clerk=clerk,
        given_minor=handed.minor,
        change_minor=change.minor,
        currency=total.currency,
        taken_at=now,
    )
    return order


@transaction.atomic
def cash_return(*, code: str, clerk: User, out_of: WayOut = "till", now: datetime) -> Refund:
    """A clerk has given an order's money back out of the till, or operations `out_of` the bank; the second time is
    quiet.

    Raises Conflict (till_closed), and what `refund_confirm` raises.
    """
    require_role(clerk, Role.CLERK, Role.OPERATIONS)
    day = _day_open()
    order = agenda.locked(ProductOrder, order_by_code(code).pk)
    if out_of == "till" and back_of(order) is not None:
        _require_open(day)
    return refund_confirm(code=code, clerk=clerk, out_of=out_of, now=now)


@contextmanager
def till_held() -> Iterator[Callable[[], None]]:
    """One transaction in which the day is not closed. What it gives is called where cash came or went: Conflict
    (till_closed) between two days, and then nothing of the transaction happens.

    For what earlier steps sell over the counter: they know of no till.
    """
    with transaction.atomic():
        day = _day_open()
        yield lambda: _require_open(day)


def _require_open(day: TillDay | None) -> None:
    if day is None and days_kept():
        raise errors.till_closed()


def _day_open() -> TillDay | None:
    """The open day, locked: it is not closed while money moves."""
    return TillDay.objects.select_for_update().filter(till=NAME, closed_at=None).first()
