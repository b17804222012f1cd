"""An order as its page shows it: one way from placed to active, what is happening now, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.queries import activation_of
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.queries import delivery_of
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.errors import reason_text
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import refunds_of
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.web import esim_page, rules, ways
from lineaviva.keeper.web.cards import in_vain, operator_name
from lineaviva.keeper.web.esim_rules import ProfileFacts, waits_for_holder
from lineaviva.keeper.web.paid_page import Back, with_notes
from lineaviva.kernel.money import Money
from lineaviva.rulebook.model import Care

_UNPAID = {"placed", "expired", "cancelled"}
FIELDS = ("full_service_until", "receive_only_until", "number_kept_until")


@dataclass(frozen=True)
class OrderPage:
    order: ProductOrder
    operator: str
    attempt: PaymentAttempt | None
    refunds: list[Refund]
    activation: Activation | None
    receipt: Receipt | None
    delivery: Delivery | None
    facts: rules.OrderFacts
    # Who is signed in and placed it: their own money may be spent on it.
    payer: User | None = None

    @property
    def steps(self) -> list[rules.Step]:
        return rules.steps(self.facts)

    @property
    def version(self) -> str:
        return rules.version(self.facts)

    @property
    def moving(self) -> bool:
        return rules.is_moving(self.facts)

    @property
    def cash_open(self) -> bool:
        return self.order.state == "placed" and bool(
            self.attempt and self.attempt.provider == "cash" and self.attempt.state == "open"
        )

    @property
    def bank(self) -> rules.BankAnswer:
        """What the bank, or PayPal, has told of the payment."""
        return rules.bank_answer(self.facts)

    @property
    def begun(self) -> bool:
        """Whether a payment outside is open that must be settled or closed before there can be another."""
        return self.order.state == "placed" and self.bank in {"not_asked", "waiting", "unknown"}

    @property
    def unsettled(self) -> bool:
        """Whether the order is closed and nobody knows yet what becomes of a payment that was begun for it."""
        return self.order.state in _UNPAID - {"placed"} and self.bank in {"not_asked", "waiting", "unknown"}

    @property
    def nothing_taken(self) -> bool:
        """Whether the order is closed and it is certain that no money came for it."""
        if self.order.state not in _UNPAID - {"placed"} or self.attempt is None:
            return self.order.state in _UNPAID - {"placed"}
        return self.attempt.state not in {"open", "succeeded"}

    @property
    def _bank_unknown(self) -> bool:
        return self.order.state == "placed" and self.bank == "unknown"

    @property
    def declined(self) -> bool:
        return self.order.state == "placed" and bool(self.attempt and self.attempt.state in {"failed", "expired"})

    @property
    def paid_by(self) -> str:
        return ways.paid_by(self.attempt.provider) if self.attempt else ""

    @cached_property
    def other_ways(self) -> list[ways.Way]:
        """What can be paid by now: anything where nothing is open, nothing where that is not certain."""
        if self.order.state != "placed" or self.cash_open or self.bank == "unknown":
            return []
        without = self.attempt.provider if self.begun and self.attempt else ""
        return ways.ways(without=without, payer=self.payer, amount=Money(self.order.total_minor, self.order.currency))

    @property
    def discount(self) -> Quote | None:
        """The quote whose promotion made it cheaper."""
        return self.order.quote if self.order.quote.discount_minor else None

    @property
    def bank_said(self) -> str:
        """Why the last card was refused, in the reader's language; empty where nothing was."""
        if self.attempt is None or self.order.state != "placed":
            return ""
        return reason_text(self.attempt.reason, self.attempt.provider)

    @property
    def at_paypal(self) -> bool:
        """Whether it is PayPal that is asked, and no bank."""
        return self.attempt is not None and self.attempt.provider == "paypal"

    @property
    def backs(self) -> list[Back]:
        """Money on its way back or back."""
        return [Back.of(refund) for refund in self.refunds]

    @property
    def next_look_at(self) -> datetime | None:
        """When the program itself asks the operator again, for an order whose answer was lost."""
        return self.activation.look_at if self.activation and self.activation.state == "unknown" else None

    @property
    def profile_headline(self) -> str:
        """How it stands with the eSIM that comes with it; empty where none does."""
        if self.delivery is None:
            return ""
        return esim_page.headline(ProfileFacts(state=self.delivery.state, phone=self.delivery.phone, has_code=True))

    @property
    def profile_waits(self) -> bool:
        return waits_for_holder(self.facts.profile)

    @property
    def tone(self) -> rules.Tone:
        if self.facts.activation == "unknown" or self._bank_unknown:
            return "unknown"
        tones: dict[str, rules.Tone] = {"active": "live", "failed": "off", "refunded": "lost", "placed": "warn"}
        return tones.get(self.order.state, "lost" if self.order.state in {"expired", "cancelled"} else "live")

    @property
    def icon(self) -> str:
        if (self.facts.activation == "unknown" and self.order.state == "paid") or self._bank_unknown:
            return "unknown"
        return {"active": "live", "failed": "warn", "refunded": "undo", "expired": "lost", "cancelled": "lost"}.get(
            self.order.state, "wait"
        )

    @property
    def headline(self) -> str:
        return headline(self.facts, cash=self.cash_open, declined=self.declined, paypal=self.at_paypal)

    @property
    def url(self) -> str:
        """Where the order goes on, on any device."""
        return f"{settings.PUBLIC_URL}{reverse('order', args=[self.order.code])}"

    @property
    def moves(self) -> list[tuple[str, date | None, date | None]]:
        """The three dates before and after, for those that are known after."""
        rows = [(name, _iso(self.order.dates_before, name), _iso(self.order.dates_after, name)) for name in FIELDS]
        return [row for row in rows if row[2]]

    @property
    def care(self) -> Care:
        return rulebook.operator(self.order.line.operator).care


def _iso(dates: dict[str, str | None], name: str) -> date | None:
    text = (dates or {}).get(name)
    return date.fromisoformat(text) if text else None


def headline(facts: rules.OrderFacts, *, cash: bool, declined: bool, paypal: bool = False) -> str:
    """What is true of the order now, in a few words."""
    if facts.state == "placed":
        if cash:
            return _("Pay in the shop with this code")
        if declined:
            return _("The payment did not go through")
        return {
            "not_asked": _("The payment page did not open"),
            "waiting": _("PayPal has not answered yet") if paypal else _("Your bank has not answered yet"),
            "unknown": _("We do not know yet whether you have paid"),
        }.get(rules.bank_answer(facts), _("Waiting for payment"))
    if facts.state == "paid":
        return _paid_headline(facts)
    return {
        "active": pgettext("order", "Active"),
        "failed": _("Not activated: your money is on its way back"),
        "refunded": _("Not activated: your money was given back"),
        "expired": _("Not paid in time"),
        "cancelled": _("Cancelled"),
    }[facts.state]


def _paid_headline(facts: rules.OrderFacts) -> str:
    if facts.activation == "unknown":
        return _("Paid; the operator's answer is missing")
    if facts.activation == "held" and facts.profile in {"released", "downloaded"}:
        return _("Paid; now install your eSIM")
    if facts.activation == "held" and facts.profile in {"waiting", "ordered"}:
        return _("Paid; your eSIM is being made")
    return _("Paid, being activated")


def page_of(order: ProductOrder, reader: User | None = None) -> OrderPage:
    """The order with all that the page shows of it; what an order in its state cannot have is not asked for.

    `reader`: who is signed in.
    """
    attempts = list(order.attempts.order_by("number"))
    attempt = attempts[-1] if attempts else None
    # Where money came twice it is the other one that goes back.
    came = sorted((one for one in attempts if one.state == "succeeded"), key=lambda one: one.surplus)
    paid = next(iter(came), attempt)
    may_go_back = order.state != "paid" or any(one.surplus for one in attempts)
    refunds = list(with_notes(refunds_of(order))) if may_go_back and paid and paid.state == "succeeded" else []
    activation = activation_of(order) if order.state not in _UNPAID else None
    receipt = next(iter(Receipt.objects.filter(order=order)), None) if order.state == "active" else None
    delivery = delivery_of(order) if order.with_profile else None
    shown = paid if order.state != "placed" else attempt
    return OrderPage(
        order=order,
        operator=operator_name(order.line.operator),
        attempt=shown,
        refunds=refunds,
        activation=activation,
        receipt=receipt,
        delivery=delivery,
        facts=_facts(order, shown, refunds, activation, receipt, delivery),
        payer=reader if reader is not None and reader.pk == order.placed_by_id else None,
    )


def _facts(
    order: ProductOrder,
    attempt: PaymentAttempt | None,
    refunds: list[Refund],
    activation: Activation | None,
    receipt: Receipt | None,
    delivery: Delivery | None,
) -> rules.OrderFacts:
    return rules.OrderFacts(
        state=order.state,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        sent_at=activation.sent_at if activation else None,
        active_at=order.active_at,
        closed_at=order.closed_at or (refunds[0].finished_at if refunds else None),
        activation=activation.state if activation else None,
        stuck=bool(activation and activation.stuck_reason),
        attempt=attempt.state if attempt else None,
        provider=attempt.provider if attempt else None,
        receipt=receipt is not None,
        profile=delivery.state if delivery else "",
        # A saved card has no page that could fail to open.
        reached=bool(attempt and (attempt.provider_ref or attempt.saved_id)),
        in_vain=attempt is not None and in_vain(attempt),
    )
