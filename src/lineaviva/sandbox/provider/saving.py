"""Cards that are kept: saved on a page of their own, charged later without their holder, forgotten."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from lineaviva.sandbox.provider import events, knobs
from lineaviva.sandbox.provider.cards import Card, card_of, refusal_error
from lineaviva.sandbox.provider.collecting import LOCALES, LONGEST, Tried, described, kept, session_find, url_of
from lineaviva.sandbox.provider.encoding import Params
from lineaviva.sandbox.provider.errors import ApiError, missing, param_wrong
from lineaviva.sandbox.provider.models import Charge, CheckoutSession, PaymentIntent, SetupIntent, new_id
from lineaviva.sandbox.provider.objects import intent_json, method_json, session_json, setup_json

Document = dict[str, Any]


def setup_create(values: Document) -> CheckoutSession:
    """A page on which a card is saved and nothing is charged."""
    params, now = Params(values), knobs.stamp()
    params.choice("mode", ["setup"])
    _cards_only(params)
    params.choice("customer_creation", ["always"], "always")
    session = CheckoutSession(
        id=new_id("cs_test"),
        mode="setup",
        amount=0,
        currency="",
        locale=params.choice("locale", LOCALES, "auto"),
        email=params.text("customer_email", "", 254),
        reference=params.text("client_reference_id", "", 200),
        success_url=url_of(params, "success_url"),
        cancel_url=url_of(params, "cancel_url", ""),
        metadata=params.metadata(),
        intent_data=described(params.inner("setup_intent_data")),
        created=now,
        expires_at=params.number("expires_at", now + LONGEST),
    )
    params.list("expand")
    params.end()
    return kept(session)


def _cards_only(params: Params) -> None:
    if params.list("payment_method_types") != ["card"]:
        raise param_wrong("payment_method_types", "this sandbox saves cards only")


@transaction.atomic
def setup_try(name: str, card: Card) -> Tried:
    """Try to save a card on a session's page. A card that is refused only later is taken here."""
    session = session_find(name, lock=True)
    if session.status != "open":
        return Tried("closed")
    setup, _ = SetupIntent.objects.get_or_create(
        session=session, defaults={"id": new_id("seti"), "created": knobs.stamp()}
    )
    if card.three_d_secure:
        setup.status, setup.card, setup.error = "requires_action", card.number, None
        setup.save()
        return Tried("three_d_secure")
    return _refused(setup, card.refusal) if card.refusal and not card.later else _saved(setup, card)


@transaction.atomic
def setup_answer(name: str, *, approve: bool) -> Tried:
    """The holder's answer at their bank. Sent twice it changes nothing."""
    session = session_find(name, lock=True)
    setup = SetupIntent.objects.select_for_update().filter(session=session, status="requires_action").first()
    card = card_of(setup.card) if setup else None
    if session.status != "open" or setup is None or card is None:
        return Tried("closed")
    return _saved(setup, card) if approve else _refused(setup, "payment_intent_authentication_failure")


def _saved(setup: SetupIntent, card: Card) -> Tried:
    setup.status, setup.card, setup.error = "succeeded", card.number, None
    setup.customer, setup.method = new_id("cus"), new_id("pm")
    setup.save()
    session = setup.session
    session.status = "complete"
    session.save(update_fields=["status"])
    events.tell("setup_intent.succeeded", setup_json(setup), behaviour=card.webhook)
    events.tell("checkout.session.completed", session_json(session, settings.PUBLIC_URL), behaviour=card.webhook)
    return Tried("paid", lost=card.lost)


def _refused(setup: SetupIntent, code: str) -> Tried:
    setup.status, setup.card = "requires_payment_method", ""
    setup.error = refusal_error(code)
    setup.save()
    events.tell("setup_intent.setup_failed", setup_json(setup))
    return Tried("refused", refusal=code)


# --- charging what is saved -----------------------------------------------------------------------------------------


def charge_saved(values: Document) -> Document:
    """Charge a saved card without its holder; the error with the intent in it where the bank refuses."""
    params = Params(values)
    setup, session = _saved_card(params), _unseen(params)
    params.end()
    card = card_of(setup.card)
    if card is None:
        raise missing("payment_method", setup.method)
    session.save(force_insert=True)
    intent = PaymentIntent.objects.create(id=new_id("pi"), session=session, saved=setup, created=session.created)
    charge = Charge(id=new_id("ch"), intent=intent, paid=not card.later, card=card.number, created=session.created)
    if card.later:
        return _declined(intent, charge, card.later)
    charge.save(force_insert=True)
    intent.status = "succeeded"
    intent.save()
    events.tell("payment_intent.succeeded", intent_json(intent))
    return intent_json(intent)


def _saved_card(params: Params) -> SetupIntent:
    for name in ("confirm", "off_session"):
        params.choice(name, ["true"])
    _cards_only(params)
    customer, method = params.text("customer"), params.text("payment_method")
    setup = SetupIntent.objects.select_related("session").filter(method=method, detached=False).first()
    if setup is None:
        raise missing("PaymentMethod", method)
    if setup.customer != customer:
        message = "The customer does not have a payment method with the ID provided."
        raise ApiError(message, code="resource_missing", param="payment_method")
    return setup


def _unseen(params: Params) -> CheckoutSession:
    """The row of a payment that has no page."""
    metadata, description, now = params.metadata(), params.text("description", "") or None, knobs.stamp()
    params.list("expand")
    amount = params.number("amount")
    if amount < 50:
        raise ApiError("Amount must be at least 0.50.", code="amount_too_small", param="amount")
    return CheckoutSession(
        id=new_id("off"),
        mode="off_session",
        status="complete",
        amount=amount,
        currency=params.choice("currency", ["eur", "usd", "gbp", "chf"]),
        title="",
        reference=metadata.get("order", ""),
        success_url="",
        metadata=metadata,
        intent_data={"metadata": metadata, "description": description},
        created=now,
        expires_at=now,
    )


def _declined(intent: PaymentIntent, charge: Charge, code: str) -> Document:
    charge.failure_code = code
    charge.save(force_insert=True)
    intent.error = refusal_error(code, charge.id)
    intent.save()
    events.tell("payment_intent.payment_failed", intent_json(intent))
    return {"error": {**intent.error, "payment_intent": intent_json(intent)}}


def intent_find(name: str) -> PaymentIntent:
    intent = PaymentIntent.objects.select_related("session", "saved").filter(pk=name).first()
    if intent is None:
        raise missing("payment_intent", name)
    return intent


def intent_cancel(name: str, values: Document) -> Document:
    """Make sure that an intent collects nothing any more; refused where it has."""
    params = Params(values)
    params.choice("cancellation_reason", ["abandoned", "duplicate", "requested_by_customer"], "abandoned")
    params.end()
    intent = intent_find(name)
    if intent.status in {"succeeded", "canceled"}:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent.status}."
        raise ApiError(message, code="payment_intent_unexpected_state")
    intent.status, intent.card = "canceled", ""
    intent.save()
    events.tell("payment_intent.canceled", intent_json(intent))
    return intent_json(intent)


def method_detach(name: str, values: Document) -> Document:
    """Forget a saved card: it is never charged again. Refused where it is forgotten already."""
    Params(values).end()
    setup = SetupIntent.objects.select_for_update().select_related("session").filter(method=name).first()
    if setup is None:
        raise missing("PaymentMethod", name)
    if setup.detached:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise ApiError(message, code="payment_method_unexpected_state")
    setup.detached = True
    setup.save(update_fields=["detached"])
    events.tell("payment_method.detached", method_json(setup))
    return method_json(setup)


def method_find(name: str) -> Document:
    setup = SetupIntent.objects.select_related("session").filter(method=name).first()
    if setup is None:
        raise missing("PaymentMethod", name)
    return method_json(setup)
