"""Writes of orders. Each locks the order, looks at its state again, and is quiet the second time."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Language, User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.catalogue.actions import quote_release, quote_use
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.lines.models import Line, SimType
from lineaviva.keeper.lines.queries import line_deadlines, require_right
from lineaviva.keeper.orders import errors, rules
from lineaviva.keeper.orders.models import OrderedNumber, OrderState, ProductOrder
from lineaviva.keeper.orders.queries import STAFF, limit_reached
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.money import Money

_CODE_TRIES = 20


@transaction.atomic
def order_place(*, quote: Quote, by: User, language: str, with_profile: bool = False, now: datetime) -> ProductOrder:
    """Order what `quote` offers; `language` is the one of its texts and receipt.

    The same quote gives the same order. So does another quote of the same person for the same offering, line and
    price while the first order still waits for its money: a second tab must not lead to a second charge.
    `with_profile`: the line's holder gets a new eSIM profile with it; until it is paid the last wish counts. Raises
    NotFound where `by` may not pay for the line, Conflict where the quote's time is over, or where a line that is no
    eSIM is to get a profile, and LimitReached where it would be too much for the number.
    """
    if language not in Language.values:
        raise errors.language_unknown(language)
    # The line is the lock: two tabs, each with a quote of its own, go through here one after the other.
    line = agenda.locked(Line, quote.line_id)
    if not has_role(by, *STAFF):
        require_right(line, by, right="pay")
    if with_profile and line.sim_type != SimType.ESIM:
        raise errors.no_esim()
    waiting = _waiting(quote, by, now)
    if waiting is not None:
        return _wished(waiting, with_profile)
    _number_hold(line.msisdn)
    reached = limit_reached(msisdn=line.msisdn, amount=Money(quote.total_minor, quote.currency), now=now)
    if reached:
        raise errors.LimitReached(reached)
    quote = quote_use(quote=quote, now=now)
    return _with_a_code({**_facts(quote, line, by, language, now), "with_profile": with_profile})


def _number_hold(msisdn: str) -> None:
    """Whoever else orders for this number, from another holder's list, is counted after us."""
    held = OrderedNumber.objects.select_for_update().filter(pk=msisdn)
    if not held:
        OrderedNumber.objects.bulk_create([OrderedNumber(msisdn=msisdn)], ignore_conflicts=True)
        OrderedNumber.objects.select_for_update().get(pk=msisdn)


def _wished(order: ProductOrder, with_profile: bool) -> ProductOrder:
    """What was paid for stays as it was when it was paid.

    Whoever has the order now is about to have it paid or closed, and may want its line, which is locked here: waiting
    for them would be waiting for each other.
    """
    free = ProductOrder.objects.select_for_update(skip_locked=True).filter(pk=order.pk, state=OrderState.PLACED)
    found = next(iter(free), None)
    if found is not None and found.with_profile != with_profile:
        found.with_profile = with_profile
        found.save(update_fields=["with_profile"])
    order.refresh_from_db(fields=["with_profile", "state"])
    return order


def _waiting(quote: Quote, by: User, now: datetime) -> ProductOrder | None:
    waits = Q(
        offering=quote.offering_id,
        placed_by=by.pk,
        total_minor=quote.total_minor,
        currency=quote.currency,
        state=OrderState.PLACED,
        expires_at__gt=now,
    )
    found = list(ProductOrder.objects.filter(Q(quote=quote) | waits, line=quote.line_id).order_by("pk"))
    return next((order for order in found if order.quote_id == quote.pk), found[0] if found else None)


def _facts(quote: Quote, line: Line, by: User, language: str, now: datetime) -> dict[str, Any]:
    ends = rules.expires_at(now)
    return {
        "quote": quote,
        "line": line,
        "offering": quote.offering,
        "placed_by": by,
        "language": language,
        "total_minor": quote.total_minor,
        "currency": quote.currency,
        "dates_before": _dates(line, now),
        "placed_at": now,
        "expires_at": ends,
        "look_at": ends,
    }


def _dates(line: Line, now: datetime) -> dict[str, str | None]:
    """The line's three dates as they stand, as ISO days."""
    dates = line_deadlines(line, rome_date(now))
    names = ("full_service_until", "receive_only_until", "number_kept_until")
    days = {name: getattr(dates, name) for name in names}
    return {name: day.isoformat() if day else None for name, day in days.items()}


def _with_a_code(facts: dict[str, Any]) -> ProductOrder:
    """The database, not a look before, says whether a code is free."""
    for _ in range(_CODE_TRIES):
        code = rules.code_make(secrets.choice)
        try:
            with transaction.atomic():
                return ProductOrder.objects.create(code=code, **facts)
        except IntegrityError:
            if not ProductOrder.objects.filter(code=code).exists():
                raise
    raise RuntimeError(f"no free order code in {_CODE_TRIES} tries")


def _move(order: ProductOrder, target: str, now: datetime, **changes: Any) -> bool:
    """Take a locked order to `target`, write `changes` and wake it for its next step.

    False where it has been there already. Conflict where it never gets there.
    """
    match rules.move(order.state, target):
        case "already":
            return False
        case "never":
            raise errors.never(target)
    for name, value in {"state": target, **changes}.items():
        setattr(order, name, value)
    order.save(update_fields=["state", *changes])
    agenda.wake(order, now)
    return True


def _locked(order: ProductOrder) -> ProductOrder:
    return agenda.locked(ProductOrder, order.pk)


@transaction.atomic
def order_pay(*, order: ProductOrder, now: datetime) -> ProductOrder:
    """Its money is here: placed -> paid, and the next step is told at once."""
    order = _locked(order)
    _move(order, OrderState.PAID, now, paid_at=now)
    return order


@transaction.atomic
def order_activate(*, order: ProductOrder, dates_after: dict[str, str | None], now: datetime) -> ProductOrder:
    """The operator did it: paid -> active. `dates_after` are the line's three dates from now on, as ISO days."""
    order = _locked(order)
    _move(order, OrderState.ACTIVE, now, dates_after=dates_after, active_at=now)
    return order


@transaction.atomic
def order_fail(*, order: ProductOrder, reason: str, now: datetime) -> ProductOrder:
    """The operator refused: paid -> failed. Whoever calls this asks for the refund in the same transaction."""
    order = _locked(order)
    if _move(order, OrderState.FAILED, now, reason=reason[:200]):
        quote_release(quote=order.quote)
    return order


@transaction.atomic
def order_refund(*, order: ProductOrder, now: datetime) -> ProductOrder:
    """The money is back with the payer: failed -> refunded."""
    order = _locked(order)
    _move(order, OrderState.REFUNDED, now, closed_at=now)
    return order


@transaction.atomic
def order_expire(*, order: ProductOrder, now: datetime) -> ProductOrder:
    """Nobody paid in time: placed -> expired. Quiet for an order that is closed or paid: the sweep may come late."""
    order = _locked(order)
    if order.state == OrderState.PLACED:
        _move(order, OrderState.EXPIRED, now, closed_at=now)
        quote_release(quote=order.quote)
    return order


@transaction.atomic
def order_cancel(*, order: ProductOrder, by: User | None, now: datetime) -> ProductOrder:
    """Give up an order that is not paid: placed -> cancelled; an open payment is closed by its own step.

    `by` None is the owner at the command line. Raises NotAllowed for anybody but who placed it and staff, Conflict
    once paid.
    """
    if by is not None and by.pk != order.placed_by_id and not has_role(by, *STAFF):
        raise errors.not_yours()
    order = _locked(order)
    if _move(order, OrderState.CANCELLED, now, closed_at=now):
        quote_release(quote=order.quote)
        if by is None or by.pk != order.placed_by_id:
            audit(actor=by, act="order_cancel", subject=f"order:{order.code}", now=now)
    return order
