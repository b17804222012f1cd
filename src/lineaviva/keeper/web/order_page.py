"""An order as its page shows it: one way from placed to active, what is happening now, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from lineaviva import rulebook
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.queries import activation_of
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.queries import delivery_of
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.errors import reason_text
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.web import esim_page, rules
from lineaviva.keeper.web.cards import operator_name
from lineaviva.keeper.web.esim_rules import ProfileFacts, waits_for_holder
from lineaviva.rulebook.model import Care

_UNPAID = {"placed", "expired", "cancelled"}
FIELDS = ("full_service_until", "receive_only_until", "number_kept_until")


@dataclass(frozen=True)
class OrderPage:
    order: ProductOrder
    operator: str
    attempt: PaymentAttempt | None
    refund: Refund | None
    activation: Activation | None
    receipt: Receipt | None
    delivery: Delivery | None
    facts: rules.OrderFacts

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
    def card_open(self) -> bool:
        return self.order.state == "placed" and bool(
            self.attempt and self.attempt.provider != "cash" and self.attempt.state == "open"
        )

    @property
    def declined(self) -> bool:
        return self.order.state == "placed" and bool(self.attempt and self.attempt.state in {"failed", "expired"})

    @property
    def bank_said(self) -> str:
        """Why the last card was refused, in the reader's language; empty where nothing was."""
        return reason_text(self.attempt.reason) if self.attempt and self.order.state == "placed" else ""

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
        if self.facts.activation == "unknown":
            return "unknown"
        tones: dict[str, rules.Tone] = {"active": "live", "failed": "off", "refunded": "lost", "placed": "warn"}
        return tones.get(self.order.state, "lost" if self.order.state in {"expired", "cancelled"} else "live")

    @property
    def icon(self) -> str:
        if self.facts.activation == "unknown" and self.order.state == "paid":
            return "unknown"
        return {"active": "live", "failed": "warn", "refunded": "undo", "expired": "lost", "cancelled": "lost"}.get(
            self.order.state, "wait"
        )

    @property
    def headline(self) -> str:
        return headline(self.facts, cash=self.cash_open, declined=self.declined)

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


def headline(facts: rules.OrderFacts, *, cash: bool, declined: bool) -> str:
    """What is true of the order now, in a few words."""
    if facts.state == "placed":
        if cash:
            return _("Pay in the shop with this code")
        return _("The payment did not go through") if declined else _("Waiting for payment")
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


def page_of(order: ProductOrder) -> OrderPage:
    """The order with all that the page shows of it; what an order in its state cannot have is not asked for."""
    attempts = list(order.attempts.select_related("refund").order_by("number"))
    attempt = attempts[-1] if attempts else None
    paid = next((one for one in attempts if one.state == "succeeded"), attempt)
    refund = min((one.refund for one in attempts if hasattr(one, "refund")), key=attrgetter("pk"), default=None)
    activation = activation_of(order) if order.state not in _UNPAID else None
    receipt = next(iter(Receipt.objects.filter(order=order)), None) if order.state == "active" else None
    delivery = delivery_of(order) if order.with_profile else None
    shown = paid if order.state != "placed" else attempt
    return OrderPage(
        order=order,
        operator=operator_name(order.line.operator),
        attempt=shown,
        refund=refund,
        activation=activation,
        receipt=receipt,
        delivery=delivery,
        facts=_facts(order, shown, refund, activation, receipt, delivery),
    )


def _facts(
    order: ProductOrder,
    attempt: PaymentAttempt | None,
    refund: Refund | None,
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
        closed_at=order.closed_at or (refund.finished_at if refund else None),
        activation=activation.state if activation else None,
        stuck=bool(activation and activation.stuck_reason),
        attempt=attempt.state if attempt else None,
        provider=attempt.provider if attempt else None,
        receipt=receipt is not None,
        profile=delivery.state if delivery else "",
    )
