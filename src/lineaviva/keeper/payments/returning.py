"""Where a payer's browser comes back to, signed: only who comes from the payment page makes us ask the provider."""

from __future__ import annotations

from django.conf import settings
from django.core.signing import Signer
from django.utils.crypto import constant_time_compare
from django.utils.http import urlencode

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.ports import Urls

_SIGNER = Signer(salt="lineaviva.payments.return")


def urls_of(attempt: PaymentAttempt) -> Urls:
    """The order's page. The signature is over order and attempt, and always the same for both."""
    page = f"{settings.PUBLIC_URL}/orders/{attempt.order.code}/"
    sign = _signature(attempt.order.code, attempt.number)
    said: dict[str, str | int] = {"from": "payment", "attempt": attempt.number, "sign": sign}
    return Urls(success=f"{page}?{urlencode(said)}", cancel=page)


def is_from_payment(*, order: ProductOrder, attempt: str, sign: str) -> bool:
    """Whether an address with these two parameters is one that we gave to a provider for this order."""
    number = int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 6 else 0
    return constant_time_compare(sign, _signature(order.code, number))


def urls_of_saving(method: SavedMethod) -> Urls:
    """The settings page, where a card is saved."""
    page = f"{settings.PUBLIC_URL}/settings/"
    said: dict[str, str | int] = {
        "from": "card",
        "card": method.pk,
        "sign": _SIGNER.signature(f"card:{method.holder_id}:{method.pk}"),
    }
    return Urls(success=f"{page}?{urlencode(said)}", cancel=page)


def is_from_saving(*, holder_id: int, card: str, sign: str) -> bool:
    """As `is_from_payment`, for a card that this person saves."""
    return constant_time_compare(sign, _SIGNER.signature(f"card:{holder_id}:{card}"))


def _signature(code: str, number: int) -> str:
    return _SIGNER.signature(f"order:{code}:{number}")
