"""Whether an order may be paid now: what was paid so far, held against the figures of velocity.py, and who else pays.

Called inside a transaction, with the order locked.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import STAFF
from lineaviva.keeper.orders.rules import DAY, WEEK
from lineaviva.keeper.payments import errors
from lineaviva.keeper.payments import velocity as figures
from lineaviva.keeper.payments.models import AttemptState, PayerCard, PaymentAttempt
from lineaviva.keeper.payments.queries import being_paid
from lineaviva.keeper.payments.velocity import DECLINED, Full, Tried, Velocity
from lineaviva.kernel import agenda

_LOOKED_AT = 500
_GIVEN_BACK = (OrderState.FAILED, OrderState.REFUNDED)
_REFUSED = (AttemptState.OPEN, AttemptState.FAILED)


def fingerprint(provider: str, told: str) -> str:
    """What we know a card by: `told` is what its provider tells it apart by; "" for nothing."""
    return salted_hmac("lineaviva.card", f"{provider}:{told}", algorithm="sha256").hexdigest() if told else ""


def full_before(*, order: ProductOrder, provider: str, card: str, now: datetime) -> Full | None:
    """The limit that paying `order` now would pass; `card` is the fingerprint of a saved one, "" where nobody knows.

    Its placer's row is locked from here on, so that two payments at once are counted one after the other.
    """
    most = figures.velocity(settings.PAYMENT_LIMITS)
    if provider not in most.providers or not order.total_minor:
        return None
    return _account_full(order, most, now) or _number_full(order, most, now) or _saved_full(card, order, most, now)


def full_after(*, attempt: PaymentAttempt, now: datetime) -> Full | None:
    """The limit that a payment has passed with a card which nobody knew before; the card's row is locked from now."""
    most = figures.velocity(settings.PAYMENT_LIMITS)
    if attempt.provider not in most.providers or not attempt.card_fingerprint:
        return None
    tried = _tried_by(attempt.card_fingerprint, most, now, without=attempt)
    return _card_full(attempt.order, tried, most, now)


def _account_full(order: ProductOrder, most: Velocity, now: datetime) -> Full | None:
    payer = order.placed_by
    if has_role(payer, *STAFF):
        return None
    # Not FOR UPDATE, for which whoever writes a row that names the person would have to wait.
    User.objects.select_for_update(no_key=True).get(pk=payer.pk)
    tried = _tried(PaymentAttempt.objects.filter(order__placed_by=payer), most, now - WEEK)
    return (
        figures.declined_full(tried, whose="account", most=most.account_declined, now=now)
        or figures.begun_full(tried, most=most.account_begun, now=now)
        or figures.amounts_full(
            _minor(order), tried, whose="account", day=most.account_day, week=most.account_week, now=now
        )
    )


def _number_full(order: ProductOrder, most: Velocity, now: datetime) -> Full | None:
    """Whoever has renewed this number before does not wait because a stranger tries cards on it."""
    number = order.line.msisdn
    tried = _tried(PaymentAttempt.objects.filter(order__line__msisdn=number), most, now - DAY)
    full = figures.declined_full(tried, whose="number", most=most.number_declined, now=now)
    mine = ProductOrder.objects.filter(placed_by=order.placed_by_id, line__msisdn=number, state=OrderState.ACTIVE)
    return None if full is None or mine.exists() else full


def _saved_full(card: str, order: ProductOrder, most: Velocity, now: datetime) -> Full | None:
    if not card:
        return None
    tried = _tried_by(card, most, now)
    declined = figures.declined_full(tried, whose="card", most=most.card_declined, now=now)
    return declined or _card_full(order, tried, most, now)


def _tried_by(card: str, most: Velocity, now: datetime, *, without: PaymentAttempt | None = None) -> list[Tried]:
    """What was paid with this card; its row is locked from now on, so that nobody else counts meanwhile."""
    PayerCard.objects.bulk_create([PayerCard(fingerprint=card)], ignore_conflicts=True)
    PayerCard.objects.select_for_update().get(pk=card)
    rows = PaymentAttempt.objects.filter(card_fingerprint=card)
    return _tried(rows.exclude(pk=without.pk) if without else rows, most, now - WEEK)


def _card_full(order: ProductOrder, tried: list[Tried], most: Velocity, now: datetime) -> Full | None:
    full = figures.amounts_full(_minor(order), tried, whose="card", day=most.card_day, week=most.card_week, now=now)
    return full or _numbers_full(order.line.msisdn, tried, most, now)


def _numbers_full(number: str, tried: list[Tried], most: Velocity, now: datetime) -> Full | None:
    today = {one.number for one in tried if one.live and one.begun > now - DAY}
    if number in today:
        return None
    active = ProductOrder.objects.filter(state=OrderState.ACTIVE, active_at__lte=now - DAY)
    known = set(active.filter(line__msisdn__in=[number, *today]).values_list("line__msisdn", flat=True))
    return None if number in known else figures.numbers_full(tried, known, most=most.card_new_numbers, now=now)


def _minor(order: ProductOrder) -> int:
    return order.total_minor if order.currency == "EUR" else 0


def _tried(rows: QuerySet[PaymentAttempt], most: Velocity, since: datetime) -> list[Tried]:
    counted = rows.filter(provider__in=most.providers, created_at__gt=since).order_by("-created_at")
    columns = ("order__line__msisdn", "amount_minor", "currency", "created_at", "finished_at")
    states = ("state", "surplus", "reason", "order__state")
    return [
        Tried(
            number=number,
            minor=minor if currency == "EUR" else 0,
            begun=begun,
            ended=ended,
            live=_is_live(state, surplus) and became not in _GIVEN_BACK,
            declined=state in _REFUSED and reason in DECLINED,
        )
        for number, minor, currency, begun, ended, state, surplus, reason, became in counted.values_list(
            *columns, *states
        )[:_LOOKED_AT]
    ]


def _is_live(state: str, surplus: bool) -> bool:
    return state == AttemptState.OPEN or (state == AttemptState.SUCCEEDED and not surplus)


# --- before an attempt is written -------------------------------------------------------------------------------------


def require_room(*, order: ProductOrder, provider: str, card: str, now: datetime) -> None:
    """Raises VelocityReached where paying `order` now would pass a limit, as `full_before` has it."""
    if (full := full_before(order=order, provider=provider, card=card, now=now)) is not None:
        raise errors.VelocityReached(full)


def line_hold(*, order: ProductOrder, provider: str, beside: Collection[str]) -> None:
    """Nobody else begins to pay for the order's line until the transaction ends.

    Raises LineBeingRenewed where another order of the line, which `beside` does not name, is being paid or is paid and
    not active yet; cash that a shop waits for counts, since it may be handed over at any minute. Who asks for a code to
    pay by in a shop pays later.
    """
    agenda.locked(Line, order.line_id)
    if provider == "cash":
        return
    rivals = [one for one in being_paid(order.line_id) if one.pk != order.pk and one.code not in beside]
    if rivals:
        raise errors.LineBeingRenewed(rivals)
