"""The ways to pay that are offered here: their words, and where a payer may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from lineaviva.keeper.payments.errors import provider_off
from lineaviva.keeper.payments.ports import provider, providers

_ORDER = ("stripe", "paypal", "cash")
_ICONS = {"stripe": "card", "cash": "shop"}
_PAYPALS = ("https://www.paypal.com", "https://www.sandbox.paypal.com")


@dataclass(frozen=True)
class Way:
    """`name` is the provider's, as forms send it."""

    name: str
    word: str
    instead: str
    icon: str


def ways(*, without: str = "") -> list[Way]:
    """Those that are switched on, cards first and cash last; not the one named."""
    on = providers()
    ordered = [name for name in _ORDER if name in on] + sorted(set(on) - set(_ORDER))
    return [way(name) for name in ordered if name != without]


def way(name: str) -> Way:
    words = {
        "stripe": (_("Pay by card"), _("Pay by card instead")),
        "paypal": (_("Pay with PayPal"), _("Pay with PayPal instead")),
        "cash": (_("Pay in a shop"), _("Pay in a shop instead")),
    }
    word, instead = words.get(name, (name, name))
    return Way(name, word, instead, _ICONS.get(name, "money"))


def paid_by(name: str) -> str:
    """How something was paid, or is being paid."""
    return {"stripe": _("card"), "paypal": "PayPal", "cash": _("cash in a shop")}.get(name, name)


def require(name: str) -> None:
    """Before anything is ordered. InvalidInput for no provider of ours, Conflict for one that is switched off."""
    if not provider(name).configured:
        raise provider_off()


def origins() -> list[str]:
    """Where payment pages are: the providers' own, or what this installation has in their place."""
    stripe = _origin(settings.STRIPE_API_BASE)
    paypal = _origin(getattr(settings, "PAYPAL_API_BASE", ""))
    return [
        stripe if stripe and not stripe.endswith(".stripe.com") else "https://checkout.stripe.com",
        *([paypal] if paypal and not paypal.endswith(".paypal.com") else _PAYPALS),
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.hostname else ""


def is_payment_page(url: str) -> bool:
    """Whether a payer may be sent there."""
    return _origin(url) in origins()
