"""Writes of saved cards: saved on the provider's page, charged without their holder, removed.

Rows are locked as actions.py says, a saved card after its attempt.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments import errors, returning, rules
from lineaviva.keeper.payments.actions import attempt_open, bill_of, payment_settle
from lineaviva.keeper.payments.keeping import card_facts
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import Card, Charged, SaveStatus, Status, Wish, provider, saving
from lineaviva.keeper.payments.queries import method_disputed
from lineaviva.keeper.payments.refunding import attempt_locked
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary

log = structlog.get_logger()
State = SavedMethod.State


# --- saving a card --------------------------------------------------------------------------------------------------


def method_begin(*, holder: User, provider: str, words: str, now: datetime) -> SavedMethod:
    """Let `holder` save a card: the row with `redirect_url`, the provider's page; clicked twice it is one page.

    `words` names the version of our sentence that they agreed to. Without `redirect_url` the provider has not answered
    yet, and the agenda goes on asking. Raises InvalidInput (no such provider) and Conflict (switched off). Not to be
    called inside a transaction.
    """
    port = saving(provider)
    if not port.configured:
        raise errors.provider_off()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=holder.pk)  # the lock: two clicks are one page
        opened = SavedMethod.objects.filter(holder=holder, provider=provider, state=State.OPENED)
        opened.filter(expires_at__lte=now).update(state=State.GIVEN_UP, look_at=None)
        method = opened.first() or SavedMethod.objects.create(
            holder=holder,
            provider=provider,
            key=f"save:{secrets.token_urlsafe(12)}",
            words=words,
            consented_at=now,
            expires_at=now + port.lifetime,
            look_at=now + rules.REACH_GRACE,
        )
    if not method.redirect_url:
        try:
            return method_reach(method=method, now=now)
        except (Temporary, NeedsPerson) as trouble:
            log.warning("saving_not_reached", provider=provider, reason=str(trouble))
    return method


def method_reach(*, method: SavedMethod, now: datetime) -> SavedMethod:
    """Open the provider's page, or find it there by its key; given up where it refuses. Raises Temporary, NeedsPerson.

    The same key with other words is refused, too: whoever changed their address or language meanwhile clicks again.
    """
    holder = method.holder
    with translation.override(holder.language):
        title = _("Keep this card for automatic renewal")
    wish = Wish(method.key, holder.email, holder.language, title, method.expires_at)
    try:
        begun = saving(method.provider).save_begin(wish, returning.urls_of_saving(method))
    except Permanent as refusal:
        log.warning("saving_not_begun", provider=method.provider, reason=refusal.reason, code=refusal.code)
        return method_heard(method=method, status=SaveStatus("expired"), now=now)
    with transaction.atomic():
        method = agenda.locked(SavedMethod, method.pk)
        if method.state == State.OPENED:
            _write(method, setup_ref=begun.reference, redirect_url=begun.redirect_url, look_at=_next_look(method, now))
    return method


def _next_look(method: SavedMethod, now: datetime) -> datetime:
    return rules.next_look(created_at=method.consented_at, now=now, expires_at=method.expires_at)


def method_heard(*, method: SavedMethod, status: SaveStatus, now: datetime) -> SavedMethod:
    """Write what the provider says about the page on which a card is saved; old news changes nothing."""
    with transaction.atomic():
        method = agenda.locked(SavedMethod, method.pk)
        if method.state != State.OPENED:
            return method
        if status.card:
            card = card_facts(method.provider, status.card)
            _write(method, **card, state=State.ACTIVE, saved_at=now, look_at=None, redirect_url="")
        elif status.state == "expired":
            _write(method, state=State.GIVEN_UP, look_at=None, redirect_url="")
    return method


@transaction.atomic
def methods_look(*, holder: User, now: datetime) -> None:
    """The holder is back from the provider's page: ask now rather than at the next turn."""
    opened = SavedMethod.objects.filter(holder=holder, state=State.OPENED)
    agenda.wake(opened.exclude(setup_ref=""), now)


@transaction.atomic
def method_remove(*, method: SavedMethod, now: datetime) -> SavedMethod:
    """Its holder does not want it charged any more: from now on it is not, and the provider is told to forget it.

    The second time is quiet.
    """
    method = agenda.locked(SavedMethod, method.pk)
    if method.state in {State.ACTIVE, State.BROKEN}:
        _write(method, state=State.REMOVING, removed_at=now, look_at=now)
        agenda.wake(method, now)
    return method


@transaction.atomic
def method_gone(*, method: SavedMethod) -> SavedMethod:
    """Its holder took it away at the provider: it is not charged any more. The second time is quiet."""
    method = agenda.locked(SavedMethod, method.pk)
    if method.state == State.ACTIVE:
        _write(method, state=State.BROKEN, reason="card_gone")
    return method


def card_of(method: SavedMethod) -> Card:
    """The card as its provider knows it."""
    return Card(method.customer_ref, method.method_ref, method.brand, method.last4, method.expires_on, method.label)


def _write(method: SavedMethod, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(method, name, value)
    method.save(update_fields=list(changes))


# --- charging it ----------------------------------------------------------------------------------------------------


def payment_charge(*, order: ProductOrder, method: SavedMethod, now: datetime) -> PaymentAttempt:
    """Pay `order` by a saved card, without its holder; called again it is the same charge.

    The attempt that comes back has succeeded, failed (`reason`; not_confirmed: the bank asks for the holder), or is
    open, and the agenda goes on asking. Raises Conflict: the card does not work any more (method_unusable), its holder
    disputes a payment (method_disputed), the order is closed, or somebody is paying it otherwise (payment_in_progress).
    Not to be called inside a transaction.
    """
    attempt = attempt_open(order, method.provider, now, saved=_usable(method))
    if attempt.state != AttemptState.OPEN:
        return attempt
    if attempt.saved_id != method.pk:
        raise errors.in_progress()
    try:
        return saved_look(attempt=attempt, now=now)
    except (Temporary, NeedsPerson) as trouble:
        log.warning("saved_card_not_charged", provider=method.provider, order=order.code, reason=str(trouble))
    return attempt


def _usable(method: SavedMethod) -> SavedMethod:
    method.refresh_from_db()
    if method.state != State.ACTIVE:
        raise errors.method_unusable()
    if method_disputed(method):
        raise errors.method_disputed()
    return method


def saved_look(*, attempt: PaymentAttempt, now: datetime) -> PaymentAttempt:
    """The next step of an open charge of a saved card: charge it, find out about it, or make sure that nothing comes.

    Its card is charged only while the order waits for money, the attempt has time, the card is still its holder's wish
    and no payment is disputed; a charge whose answer was lost is found by its reference, or else by its key. Raises
    Temporary and NeedsPerson.
    """
    method = SavedMethod.objects.get(attempts=attempt)
    order = ProductOrder.objects.only("state").get(pk=attempt.order_id)
    wanted = order.state == OrderState.PLACED and attempt.expires_at > now and method.state == State.ACTIVE
    wanted = wanted and not method_disputed(method)
    if attempt.provider_ref:
        port = provider(attempt.provider)
        status = port.fetch(attempt.provider_ref) if wanted else port.close(attempt.provider_ref)
        if not wanted or status.state != "open":
            return _settled(attempt, method, Charged(attempt.provider_ref, status), now)
    elif not wanted:
        found = saving(attempt.provider).find(attempt.idempotency_key, card_of(method))
        return _settled(attempt, method, found or Charged("", Status("expired", reason="given_up")), now)
    return _settled(attempt, method, _charged(attempt, method), now)


def _charged(attempt: PaymentAttempt, method: SavedMethod) -> Charged:
    """Charge it, its reference written down before where the provider has one then. Raises Temporary, NeedsPerson."""
    port, card, bill = saving(attempt.provider), card_of(method), bill_of(attempt)
    reference, reason = attempt.provider_ref, "provider_refused"
    try:
        reference = reference or _prepared(attempt, port.prepare(bill, card))
        reason = "card_gone"
        return port.charge(bill, card, reference)
    except Permanent as refusal:
        log.warning("saved_card_refused", order=attempt.order.code, reason=refusal.reason, code=refusal.code)
        return Charged(reference, Status("failed", reason=reason))


@transaction.atomic
def _prepared(attempt: PaymentAttempt, reference: str) -> str:
    """Committed before any money moves, so that no answer can be lost that tells where it is."""
    attempt = attempt_locked(attempt)
    if reference and not attempt.provider_ref:
        attempt.provider_ref = reference
        attempt.save(update_fields=["provider_ref"])
    return attempt.provider_ref


@transaction.atomic
def _settled(attempt: PaymentAttempt, method: SavedMethod, charged: Charged, now: datetime) -> PaymentAttempt:
    """Write the provider's number and what came of it together; a card that cannot work again is marked so."""
    attempt = attempt_locked(attempt)
    if charged.reference and not attempt.provider_ref:
        attempt.provider_ref = charged.reference
        attempt.save(update_fields=["provider_ref"])
    attempt = payment_settle(attempt=attempt, status=charged.status, now=now)
    if attempt.state == AttemptState.FAILED and attempt.reason in rules.BREAKS:
        method = agenda.locked(SavedMethod, method.pk)
        if method.state == State.ACTIVE:
            _write(method, state=State.BROKEN, reason=attempt.reason)
    return attempt
