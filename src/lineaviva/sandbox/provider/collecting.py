"""What happens to a checkout session: made, paid by a card, refused, expired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from lineaviva.sandbox.provider import events, knobs
from lineaviva.sandbox.provider.cards import Card, card_of, refusal_error
from lineaviva.sandbox.provider.encoding import Params
from lineaviva.sandbox.provider.errors import ApiError, missing, param_missing, param_wrong
from lineaviva.sandbox.provider.models import Charge, CheckoutSession, PaymentIntent, Refund, SetupIntent, new_id
from lineaviva.sandbox.provider.objects import intent_json, session_json
from lineaviva.sandbox.provider.refunding import refund_ripen

LOCALES = ("auto", "en", "it", "zh", "zh-TW", "zh-HK")
_SHORTEST, LONGEST = 30 * 60, 24 * 60 * 60
# A request takes time, and clocks differ.
_SLACK = 60
_LEAST = 50


def session_create(values: dict[str, Any]) -> CheckoutSession:
    params, now = Params(values), knobs.stamp()
    params.choice("mode", ["payment"])
    params.choice("customer_creation", ["always", "if_required"], "if_required")
    if any(kind != "card" for kind in params.list("payment_method_types")):
        raise param_wrong("payment_method_types", "this sandbox knows cards only")
    amount, currency, title, detail = _line(params)
    session = CheckoutSession(
        id=new_id("cs_test"),
        amount=amount,
        currency=currency,
        title=title,
        detail=detail,
        locale=params.choice("locale", LOCALES, "auto"),
        email=params.text("customer_email", "", 254),
        reference=params.text("client_reference_id", "", 200),
        success_url=url_of(params, "success_url"),
        cancel_url=url_of(params, "cancel_url", ""),
        metadata=params.metadata(),
        intent_data=described(params.inner("payment_intent_data"), usages=("", "off_session")),
        created=now,
        expires_at=params.number("expires_at", now + LONGEST),
    )
    params.list("expand")
    params.end()
    return kept(session)


def kept(session: CheckoutSession) -> CheckoutSession:
    """Write a new session. Raises ApiError where it would end too soon or too late."""
    if not session.created + _SHORTEST - _SLACK <= session.expires_at <= session.created + LONGEST + _SLACK:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise ApiError(message, param="expires_at")
    session.save(force_insert=True)
    return session


def _line(params: Params) -> tuple[int, str, str, str]:
    lines = params.list("line_items")
    if len(lines) != 1 or not isinstance(lines[0], dict):
        raise param_missing("line_items")
    line = Params(lines[0], "line_items[0]")
    price = line.inner("price_data")
    product = price.inner("product_data")
    title, detail = product.text("name"), product.text("description", "")
    currency, amount = price.choice("currency", ["eur", "usd", "gbp", "chf"]), price.number("unit_amount")
    quantity = line.number("quantity")
    for part in (product, price, line):
        part.end()
    if quantity < 1 or amount * quantity < _LEAST:
        message = "The Checkout Session's total amount due must add up to at least 0.50."
        raise ApiError(message, code="amount_too_small")
    return amount * quantity, currency, title, detail


def url_of(params: Params, name: str, default: str | None = None) -> str:
    url = params.text(name, default)
    if url and not url.startswith(("http://", "https://")):
        raise param_wrong(name, "not a valid URL", "url_invalid")
    return url


def described(inner: Params, *, usages: Iterable[str] = ("",)) -> dict[str, Any]:
    """`usages`: what `setup_future_usage` may be; a card that is paid with is kept where it is there."""
    data = {"description": inner.text("description", "") or None, "metadata": inner.metadata()}
    data["setup_future_usage"] = inner.choice("setup_future_usage", usages, "") or None
    inner.end()
    return data


def session_find(name: str, *, lock: bool = False) -> CheckoutSession:
    """The session, expired if its time is over. Raises ApiError (404)."""
    rows = CheckoutSession.objects.select_for_update() if lock else CheckoutSession.objects.all()
    session = rows.exclude(mode="off_session").filter(pk=name).first()
    if session is None:
        raise missing("checkout.session", name)
    if session.status == "open" and session.expires_at <= knobs.stamp():
        _expire(session)
    return session


def session_expire(name: str) -> CheckoutSession:
    session = session_find(name, lock=True)
    if session.status != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session.status}.'
        raise ApiError(message)
    _expire(session)
    return session


def _expire(session: CheckoutSession) -> None:
    with transaction.atomic():
        if not CheckoutSession.objects.filter(pk=session.pk, status="open").update(status="expired"):
            session.refresh_from_db()
            return
        session.status = "expired"
        PaymentIntent.objects.filter(session=session).update(status="canceled", card="")
        SetupIntent.objects.filter(session=session).update(status="canceled", card="")
        events.tell("checkout.session.expired", session_json(session, settings.PUBLIC_URL))


@dataclass(frozen=True)
class Tried:
    """What came of a card: paid, refused, closed (nothing can be paid any more), or the 3-D Secure step comes first."""

    result: Literal["paid", "refused", "three_d_secure", "closed"]
    refusal: str = ""
    lost: bool = False


@transaction.atomic
def card_try(name: str, card: Card) -> Tried:
    """Try a card on a session's page; a session that is paid already is not charged again."""
    session = session_find(name, lock=True)
    if session.status != "open":
        return Tried("closed")
    intent, _ = PaymentIntent.objects.get_or_create(
        session=session, defaults={"id": new_id("pi"), "created": knobs.stamp()}
    )
    if card.three_d_secure:
        intent.status, intent.card, intent.error = "requires_action", card.number, None
        intent.save()
        return Tried("three_d_secure")
    return _refuse(intent, card, card.refusal) if card.refusal else _charge(intent, card)


@transaction.atomic
def three_d_secure_answer(name: str, *, approve: bool) -> Tried:
    """The payer's answer at their bank. Sent twice, or after the session's end, it changes nothing."""
    session = session_find(name, lock=True)
    intent = PaymentIntent.objects.select_for_update().filter(session=session, status="requires_action").first()
    card = card_of(intent.card) if intent else None
    if session.status != "open" or intent is None or card is None:
        return Tried("closed")
    return _charge(intent, card) if approve else _refuse(intent, card, "payment_intent_authentication_failure")


def _charge(intent: PaymentIntent, card: Card) -> Tried:
    session = intent.session
    Charge.objects.create(id=new_id("ch"), intent=intent, paid=True, card=card.number, created=knobs.stamp())
    intent.status, intent.card, intent.error = "succeeded", "", None
    intent.saved = _kept(session, card)
    intent.save()
    session.status = "complete"
    session.save(update_fields=["status"])
    events.tell("payment_intent.succeeded", intent_json(intent), behaviour=card.webhook)
    events.tell("checkout.session.completed", session_json(session, settings.PUBLIC_URL), behaviour=card.webhook)
    return Tried("paid", lost=card.lost or knobs.happens(knobs.knobs()["page_lost_percent"]))


def _kept(session: CheckoutSession, card: Card) -> SetupIntent | None:
    """The card that paid, for next time, where the shop asked for that."""
    if not session.intent_data.get("setup_future_usage"):
        return None
    names = {"id": new_id("seti"), "customer": new_id("cus"), "method": new_id("pm")}
    return SetupIntent.objects.create(
        session=session, status="succeeded", card=card.number, created=knobs.stamp(), **names
    )


def _refuse(intent: PaymentIntent, card: Card, code: str) -> Tried:
    tried = Charge(id=new_id("ch"), intent=intent, paid=False, card=card.number, created=knobs.stamp())
    if code != "payment_intent_authentication_failure":
        tried.failure_code = code
        tried.save(force_insert=True)
    intent.status, intent.card = "requires_payment_method", ""
    intent.error = refusal_error(code, tried.id if tried.failure_code else "")
    intent.save()
    events.tell("payment_intent.payment_failed", intent_json(intent), behaviour=card.webhook)
    return Tried("refused", refusal=code)


def sweep() -> None:
    """What time alone does: sessions expire, slow refunds end."""
    now = knobs.stamp()
    for session in CheckoutSession.objects.filter(status="open", expires_at__lte=now)[:100]:
        _expire(session)
    for refund in Refund.objects.filter(status="pending", due__lte=now)[:100]:
        refund_ripen(refund)
