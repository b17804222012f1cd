"""Writes of payments; refunding.py has those of money that goes back.

Rows are locked in one order: the order first, its placer, its line, then its attempt, then the refund. Who holds a
card's row waits for nothing but a line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.orders.actions import order_expire, order_fail, order_pay
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments import errors, posting, reconciling, returning, rules, screening
from lineaviva.keeper.payments.keeping import keep_ask, keep_end, keep_words
from lineaviva.keeper.payments.models import AttemptState, InboxEvent, PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import AtOnce, Bill, Status, keepers, provider
from lineaviva.keeper.payments.refunding import attempt_locked, refund_request
from lineaviva.keeper.payments.velocity import Full
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from lineaviva.kernel.mask import masked
from lineaviva.kernel.money import Money

log = structlog.get_logger()


def payment_begin(
    *, order: ProductOrder, provider: str, now: datetime, beside: Collection[str] = (), keep: str | None = None
) -> PaymentAttempt:
    """The attempt by which `order` is being paid: the open one, else a new one; any number of clicks give the same.

    `keep` names the words by which the payer agreed that their card is kept; "": they did not; None: as before. An open
    attempt by another provider, one whose time is over, or one begun with another wish about the card is closed first,
    at its provider. `beside` are the codes of other orders of the line that are being paid and that the payer has been
    told of.

    The attempt that comes back is open (with `redirect_url` once the provider has answered; until then the agenda goes
    on asking), or failed (`reason`), or succeeded where the money was here already. Raises InvalidInput (no such
    provider), VelocityReached (too much, or too often, for now), LineBeingRenewed (by an order that is not in
    `beside`), and Conflict (order closed, provider switched off, the first payment is not certainly closed). Not to be
    called inside a transaction: the row must be there before the provider is asked.
    """
    keep = keep if provider in keepers() else None
    attempt = attempt_open(order, provider, now, beside=beside, keep=keep or "")
    if attempt.state == AttemptState.OPEN and attempt.saved_id:
        if attempt.provider != provider:
            raise errors.in_progress()
        return attempt  # a saved card is being charged: its end is a matter of seconds, or of the agenda
    over = attempt.expires_at <= now
    otherwise = attempt.provider != provider or (keep is not None and keep_words(attempt) != keep)
    if attempt.state == AttemptState.OPEN and (over or otherwise):
        attempt = _give_up(attempt, "not_paid_in_time" if over else "given_up", now)
        if attempt.state != AttemptState.SUCCEEDED:
            attempt = attempt_open(order, provider, now, beside=beside, keep=keep or "")
    if attempt.state == AttemptState.OPEN and not attempt.provider_ref:
        try:
            return attempt_reach(attempt=attempt, now=now)
        except (Temporary, NeedsPerson) as trouble:
            log.warning("provider_not_reached", provider=provider, order=order.code, reason=str(trouble))
    return attempt


def attempt_open(
    order: ProductOrder,
    name: str,
    now: datetime,
    *,
    saved: SavedMethod | None = None,
    beside: Collection[str] = (),
    keep: str = "",
) -> PaymentAttempt:
    """The attempt that is open or has paid the order, else a new one, committed before anybody outside hears of it.

    A new one charges `saved`, where that is given, and keeps the card where `keep` names the words. Raises InvalidInput
    and Conflict as `payment_begin`.
    """
    port = provider(name)
    with transaction.atomic():
        # What the bill names never changes, and the caller has it already.
        names = order.line, order.offering, order.placed_by
        order = agenda.locked(ProductOrder, order.pk)
        order.line, order.offering, order.placed_by = names
        attempts = list(order.attempts.order_by("number"))
        paid = next((a for a in attempts if _paid(a)), None)
        waiting = next((a for a in attempts if a.state == AttemptState.OPEN), None)
        if paid:
            return paid
        if order.state != OrderState.PLACED or (order.expires_at <= now and not waiting):
            raise errors.order_closed()
        if waiting:
            return waiting
        if not port.configured:
            raise errors.provider_off()
        card = saved.card_fingerprint if saved else ""
        screening.require_room(order=order, provider=name, card=card, now=now)
        screening.line_hold(order=order, provider=name, beside=beside)
        number = len(attempts) + 1
        attempt = order.attempts.create(
            number=number,
            provider=name,
            saved=saved,
            card_fingerprint=card,
            amount_minor=order.total_minor,
            currency=order.currency,
            idempotency_key=rules.key(order.code, number),
            created_at=now,
            expires_at=now + port.lifetime,
            look_at=now + rules.REACH_GRACE,
        )
        if keep and name in keepers():
            keep_ask(attempt=attempt, words=keep, now=now)
        return _settled_at_once(attempt, now) if order.total_minor == 0 else attempt


def _paid(attempt: PaymentAttempt) -> bool:
    return attempt.state == AttemptState.SUCCEEDED and not attempt.surplus


def _settled_at_once(attempt: PaymentAttempt, now: datetime) -> PaymentAttempt:
    """A promotion can take the whole price off; no provider collects nothing."""
    return payment_settle(attempt=attempt, status=Status("succeeded", Money(0, attempt.currency)), now=now)


def _give_up(attempt: PaymentAttempt, reason: str, now: datetime) -> PaymentAttempt:
    """Close an open attempt so that another can be begun. Conflict where nobody can be sure that it is closed."""
    try:
        closed = attempt_close(attempt=attempt, reason=reason, now=now)
    except (Temporary, NeedsPerson, Permanent):
        raise errors.in_progress() from None
    if closed.state == AttemptState.OPEN:
        raise errors.in_progress()
    return closed


def attempt_reach(*, attempt: PaymentAttempt, now: datetime) -> PaymentAttempt:
    """Open an attempt at its provider, or find it there by its key, and write down where.

    One that asks nobody outside is settled at once. Raises Temporary and NeedsPerson.
    """
    port = provider(attempt.provider)
    if isinstance(port, AtOnce):
        return _taken(attempt, port, now)
    try:
        begun = port.begin(bill_of(attempt), returning.urls_of(attempt))
    except Permanent as refusal:
        log.warning("payment_not_begun", order=attempt.order.code, reason=refusal.reason, code=refusal.code)
        return payment_settle(attempt=attempt, status=Status("failed", reason="provider_refused"), now=now)
    with transaction.atomic():
        attempt = attempt_locked(attempt)
        attempt.provider_ref = begun.reference
        if attempt.state == AttemptState.OPEN:
            attempt.redirect_url = begun.redirect_url
            attempt.look_at = attempt_next_look(attempt, now)
        attempt.save(update_fields=["provider_ref", "redirect_url", "look_at"])
    if attempt.state != AttemptState.OPEN:  # given up while we asked: nobody may pay by it
        with suppress(Temporary, NeedsPerson, Permanent):
            attempt = attempt_close(attempt=attempt, reason="given_up", now=now)
    return attempt


@transaction.atomic
def _taken(attempt: PaymentAttempt, port: AtOnce, now: datetime) -> PaymentAttempt:
    """What moves the money and what says that it is paid is one transaction: neither is ever without the other."""
    attempt = attempt_locked(attempt)
    if attempt.state != AttemptState.OPEN:
        return attempt
    if attempt.order.state != OrderState.PLACED:
        return payment_settle(attempt=attempt, status=Status("expired", reason="given_up"), now=now)
    status = port.take(bill_of(attempt), attempt.order.placed_by_id, now)
    return payment_settle(attempt=attempt, status=status, now=now)


def attempt_next_look(attempt: PaymentAttempt, now: datetime) -> datetime:
    """When to ask about an open attempt again; its end, where only a person's act here can bring news."""
    if not provider(attempt.provider).polled:
        return attempt.expires_at
    return rules.next_look(created_at=attempt.created_at, now=now, expires_at=attempt.expires_at)


def bill_of(attempt: PaymentAttempt) -> Bill:
    """What the provider is asked to collect, in the order's language."""
    order = attempt.order
    with translation.override(order.language):
        detail = _("Line %(line)s, order %(code)s") % {"line": masked(order.line.msisdn), "code": order.code}
    return Bill(
        key=attempt.idempotency_key,
        order_code=order.code,
        amount=Money(attempt.amount_minor, attempt.currency),
        language=order.language,
        title=order.offering.name,
        detail=detail,
        email=order.placed_by.email,
        expires_at=attempt.expires_at,
        keep=not attempt.saved_id and attempt.provider in keepers() and bool(keep_words(attempt)),
    )


def attempt_close(*, attempt: PaymentAttempt, reason: str, now: datetime) -> PaymentAttempt:
    """Make sure at the provider that nothing more comes by this attempt, and write how it ended.

    Still open where the bank has not answered yet. Raises what the provider's adapter raises.
    """
    status = Status("expired", reason=reason)
    if attempt.provider_ref:
        found = provider(attempt.provider).close(attempt.provider_ref)
        status = replace(found, reason=reason) if found.state == "expired" else found
    return payment_settle(attempt=attempt, status=status, now=now)


@transaction.atomic
def payment_settle(*, attempt: PaymentAttempt, status: Status, now: datetime) -> PaymentAttempt:
    """Write what the provider says about an attempt; old news and news of yesterday change nothing.

    A success pays the order, or, where the order is closed or paid already, gives the money back. Raises NeedsPerson
    where another amount than asked for was collected; nothing is settled then.
    """
    attempt = attempt_locked(attempt)
    if status.state in {"open", "processing"}:
        return _note(attempt, status)
    if not rules.moves(attempt.state, status.state):
        return attempt
    was_open = attempt.state == AttemptState.OPEN
    changes: dict[str, Any] = {"state": status.state, "reason": status.reason, "finished_at": now, "look_at": None}
    changes |= _card_of(attempt, status)
    if status.state == "succeeded":
        wanted = Money(attempt.amount_minor, attempt.currency)
        if status.amount != wanted:
            raise errors.amount_differs(attempt.order.code, wanted, status.amount)
        changes.update(charge_ref=status.charge_ref, surplus=attempt.order.state != OrderState.PLACED)
    _write(attempt, **changes)
    keep_end(attempt=attempt, card=status.kept, now=now)
    _follow(attempt, was_open=was_open, now=now)
    return attempt


def _note(attempt: PaymentAttempt, status: Status) -> PaymentAttempt:
    """Keep for the page whether the bank has the payment, and why the last card was refused.

    After a refusal the payer may try another card on the same provider's page.
    """
    heard = {"reason": status.reason, "processing": status.state == "processing", **_card_of(attempt, status)}
    if attempt.state == AttemptState.OPEN and heard != {name: getattr(attempt, name) for name in heard}:
        _write(attempt, **heard)
    return attempt


def _card_of(attempt: PaymentAttempt, status: Status) -> dict[str, str]:
    """The card that was heard of; what is known already stays where nothing is said of it."""
    return {"card_fingerprint": screening.fingerprint(attempt.provider, status.card)} if status.card else {}


def _write(attempt: PaymentAttempt, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(attempt, name, value)
    attempt.save(update_fields=list(changes))


def _follow(attempt: PaymentAttempt, *, was_open: bool, now: datetime) -> None:
    """What a closed attempt means for its order, in the same transaction."""
    if attempt.state != AttemptState.SUCCEEDED:
        agenda.wake(attempt.order, now)  # it may be its time to expire
        return
    posting.collected(attempt=attempt, now=now)
    reconciling.reconciliation_begin(name=attempt.provider, since=attempt.created_at)
    if attempt.surplus:
        refund_request(attempt=attempt, reason="surplus", now=now)
        return
    order_pay(order=attempt.order, now=now)
    if not was_open:
        # Of an order's attempts one is open at most: where it was not this one, it is to be closed at its provider.
        agenda.wake(PaymentAttempt.objects.filter(order=attempt.order_id, state=AttemptState.OPEN), now)
    if (full := screening.full_after(attempt=attempt, now=now)) is not None:
        _turn_back(attempt, full, now)


def _turn_back(attempt: PaymentAttempt, full: Full, now: datetime) -> None:
    """A card that nobody knew before has paid too much by now: nothing is activated for it, and its money goes back."""
    log.warning("card_over_limit", order=attempt.order.code, which=full.which)
    order_fail(order=attempt.order, reason=rules.CARD_LIMIT, now=now)
    refund_request(attempt=attempt, reason=rules.CARD_LIMIT, now=now)


@transaction.atomic
def cash_confirm(*, code: str, clerk: User, now: datetime) -> ProductOrder:
    """A clerk has the order's cash in hand: the order is paid. The second time is quiet.

    Raises NotAllowed (clerks and operations only), NotFound, and Conflict where no cash may be taken: the order does
    not wait for cash, is paid otherwise, or its code is too old.
    """
    require_role(clerk, Role.CLERK, Role.OPERATIONS)
    order = ProductOrder.objects.select_for_update(of=("self",)).get(pk=order_by_code(code).pk)
    paid = order.attempts.filter(state=AttemptState.SUCCEEDED, surplus=False).first()
    if paid:
        if paid.provider != "cash":
            raise errors.paid_otherwise()
        return order
    attempt = _cash_waiting(order, now)
    _write(attempt, confirmed_by=clerk)
    amount = Money(attempt.amount_minor, attempt.currency)
    payment_settle(attempt=attempt, status=Status("succeeded", amount, charge_ref=attempt.idempotency_key), now=now)
    audit(actor=clerk, act="cash_confirm", subject=f"order:{order.code}", detail={"amount": str(amount)}, now=now)
    order.refresh_from_db()
    return order


def _cash_waiting(order: ProductOrder, now: datetime) -> PaymentAttempt:
    """The attempt whose cash may be taken now. Raises Conflict where there is none."""
    attempt = order.attempts.filter(provider="cash").order_by("number").last()
    if attempt is None or attempt.state not in {AttemptState.OPEN, AttemptState.EXPIRED}:
        raise errors.no_cash_code()
    if attempt.expires_at <= now:
        raise errors.cash_code_old()
    if attempt.state == AttemptState.EXPIRED:  # the payer chose another way
        raise errors.no_cash_code()
    if order.state != OrderState.PLACED:
        raise errors.no_cash_code()
    return attempt


@transaction.atomic
def payment_look(*, order: ProductOrder, now: datetime) -> None:
    """The payer is back at the order's page: ask the provider now rather than at the next turn."""
    polled = [name for name in settings.PAYMENT_PROVIDERS if provider(name).polled]
    agenda.wake(PaymentAttempt.objects.filter(order=order, state=AttemptState.OPEN, provider__in=polled), now)


@transaction.atomic
def order_close_unpaid(*, order: ProductOrder, now: datetime) -> ProductOrder:
    """Expire an order whose time is over, unless a way to pay it is open or has just paid it."""
    order = agenda.locked(ProductOrder, order.pk)
    if order.expires_at > now or order.attempts.filter(state=AttemptState.OPEN).exists():
        return order
    return order_expire(order=order, now=now)


def webhook_receive(*, source: str, headers: Mapping[str, str], body: bytes, now: datetime) -> InboxEvent:
    """Keep a webhook, once, and wake the agenda.

    Raises InvalidInput (forged, old, broken: 400; too large: 413) and NotFound.

    Nothing is kept of what is refused. What we do not know is kept as ignored.
    """
    if source not in settings.PAYMENT_PROVIDERS:
        raise errors.webhook_unknown()
    if len(body) > rules.WEBHOOK_MOST_BYTES:
        raise errors.webhook_too_large()
    small = {name.lower(): value for name, value in headers.items()}
    hint = provider(source).parse_webhook(small, body, now)
    known = hint.about != "nothing"
    event = InboxEvent(
        source=source,
        external_id=hint.external_id[:120],
        kind=hint.kind[:60],
        about=hint.about,
        reference=hint.reference[:120],
        state=InboxEvent.State.NEW if known else InboxEvent.State.IGNORED,
        received_at=now,
        look_at=now if known else None,
    )
    with transaction.atomic():
        InboxEvent.objects.bulk_create([event], ignore_conflicts=True)
        kept = InboxEvent.objects.get(source=source, external_id=event.external_id)
        if kept.state == InboxEvent.State.NEW and kept.received_at == now:
            agenda.announce()
        elif kept.state == InboxEvent.State.NEW:  # told again
            agenda.wake(InboxEvent.objects.filter(pk=kept.pk, state=InboxEvent.State.NEW), now)
        return kept
