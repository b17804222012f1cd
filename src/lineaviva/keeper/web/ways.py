"""The ways to pay that are offered here: their words, and where a payer may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.payments.errors import provider_off
from lineaviva.keeper.payments.ports import keepers, provider, providers
from lineaviva.keeper.payments.queries import owner_pays_for
from lineaviva.keeper.wallets import errors
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.web import locales
from lineaviva.kernel.errors import Conflict
from lineaviva.kernel.money import Money

_ORDER = ("wallet", "account", "stripe", "paypal", "cash")
_ICONS = {"stripe": "card", "cash": "shop"}
_PAYPALS = ("https://www.paypal.com", "https://www.sandbox.paypal.com")


@dataclass(frozen=True)
class Way:
    """`name` is the provider's, as forms send it. `keeps`: what is paid with there can be kept for next time."""

    name: str
    word: str
    instead: str
    icon: str
    keeps: bool = False


def ways(*, without: str = "", payer: User | None = None, amount: Money | None = None) -> list[Way]:
    """Those that are switched on, cards before the shop; not the one named.

    `payer`: who is signed in and pays `amount` for themselves. What they have here already stands first, where it is
    enough; nobody else is offered it.
    """
    balance = balance_of(payer) if payer else None
    on = [name for name in providers() if _refusal(name, payer, amount, balance) is None]
    ordered = [name for name in _ORDER if name in on] + sorted(set(on) - set(_ORDER))
    return [way(name, balance) for name in ordered if name != without]


def way(name: str, balance: Money | None = None) -> Way:
    words = {
        "wallet": (_("Pay from your balance"), _("Pay from your balance instead")),
        "account": (_("Pay by the owner's account"), _("Pay by the owner's account instead")),
        "stripe": (_("Pay by card"), _("Pay by card instead")),
        "paypal": (_("Pay with PayPal"), _("Pay with PayPal instead")),
        "cash": (_("Pay in a shop"), _("Pay in a shop instead")),
    }
    word, instead = words.get(name, (name, name))
    if balance is not None and name == "wallet":
        has = locales.money(balance.minor, balance.currency)
        word, instead = f"{word} ({has})", f"{instead} ({has})"
    return Way(name, word, instead, _ICONS.get(name, "money"), keeps=name in keepers())


def paid_by(name: str) -> str:
    """How something was paid, or is being paid."""
    words = {
        **{"stripe": _("card"), "paypal": "PayPal", "cash": _("cash in a shop")},
        **{"wallet": _("prepaid balance"), "account": _("the owner's account at the operator")},
    }
    return words.get(name, name)


def require(name: str, *, payer: User | None = None, amount: Money | None = None) -> None:
    """Before anything is ordered. InvalidInput for no provider of ours, Conflict for one that is switched off, or that
    is not for `payer` (as in `ways`).
    """
    if not provider(name).configured:
        raise provider_off()
    require_theirs(name, payer=payer, amount=amount)


def require_theirs(name: str, *, payer: User | None, amount: Money | None) -> None:
    """Conflict where what this way spends is not `payer`'s, or not enough.

    `amount` None: it may be paid already, by the click before this one.
    """
    balance = balance_of(payer) if payer and name == "wallet" else None
    if refusal := _refusal(name, payer, amount, balance):
        raise refusal


def _refusal(name: str, payer: User | None, amount: Money | None, balance: Money | None) -> Conflict | None:
    """Why this way is not for this person; None where it is."""
    if name == "account" and (payer is None or not owner_pays_for(payer)):
        return errors.account_not_for_you()
    if name != "wallet":
        return None
    if balance is None:
        return errors.not_yours()
    enough = amount is None or (amount.currency == balance.currency and amount <= balance and balance.minor > 0)
    return None if enough else errors.balance_short()


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
