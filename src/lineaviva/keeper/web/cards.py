"""A line as the list shows it: state, next date, days left, and the one thing to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.rules import USABLE
from lineaviva.keeper.lines.models import Line, LineState, SimType
from lineaviva.keeper.lines.queries import line_deadlines, lines_for
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.web import locales, rules
from lineaviva.kernel import clock
from lineaviva.rulebook.deadlines import Deadlines


@dataclass(frozen=True)
class Card:
    line: Line
    operator: str
    dates: Deadlines
    order: ProductOrder | None
    provider: str | None
    may_pay: bool
    shared: bool
    # The eSIM that lies ready for the reader's own phone.
    profile: Delivery | None = None
    # Whether nobody can say if the open payment has been made.
    unsure: bool = False

    @property
    def tone(self) -> rules.Tone:
        return rules.tone(self.dates.state)

    @property
    def urgency(self) -> rules.Tone:
        return rules.urgency(self.dates.state, self.days_left)

    @property
    def icon(self) -> str:
        return rules.icon_of(self.dates.state)

    @property
    def state_word(self) -> str:
        return str(LineState(self.dates.state).label)

    @property
    def days_left(self) -> int | None:
        next_on = self.dates.next_on
        return (next_on - self.dates.as_of).days if next_on else None

    @property
    def until(self) -> SafeString | str:
        """Until when, and what happens then, as one sentence; empty where there is no next date."""
        return until_words(self.dates.next_kind, self.dates.next_on)

    @property
    def used(self) -> int | None:
        """How much of the way from the last extension to the next date is gone, in percent."""
        start, end = self.dates.last_event, self.dates.next_on
        if start is None or end is None or end <= start:
            return None
        return max(0, min(100, 100 * (self.dates.as_of - start).days // (end - start).days))

    @property
    def verb(self) -> rules.Verb:
        return rules.verb(
            state=self.dates.state,
            may_pay=self.may_pay,
            order_state=self.order.state if self.order else None,
            open_provider=self.provider,
            profile=self.profile is not None,
            unsure=self.unsure,
        )

    @property
    def renews_itself(self) -> bool:
        """Whether that happens by itself before the next date, so that nobody need do it."""
        on, next_on = self.line.renews_on, self.dates.next_on
        return on is not None and next_on is not None and self.dates.as_of <= on <= next_on

    @property
    def pressing(self) -> bool:
        """Whether the button should stand out: there is something to do, and it is time for it."""
        if self.verb == "renew":
            return self.urgency != "live" and not self.renews_itself
        return self.verb in {"pay", "pay_in_shop", "install", "add_date"} or (self.verb == "ask" and self.tone == "off")

    @property
    def word(self) -> str:
        return verb_words(self.verb)

    @property
    def verb_icon(self) -> str:
        return _VERB_ICONS[self.verb]

    @property
    def url(self) -> str:
        """Where the one button leads."""
        if self.order and self.verb in {"pay", "pay_in_shop", "see_order"}:
            return reverse("order", args=[self.order.code])
        if self.profile and self.verb == "install":
            return reverse("esim", args=[self.profile.code])
        line_page = reverse("line", args=[self.line.pk])
        match self.verb:
            case "renew":
                return reverse("renew", args=[self.line.pk])
            case "add_date":
                return f"{line_page}#topped-up"
            case "ask":
                return f"{line_page}#help"
        return line_page


_VERB_ICONS: dict[rules.Verb, str] = {
    "renew": "again",
    "pay": "card",
    "pay_in_shop": "shop",
    "install": "esim",
    "see_order": "wait",
    "ask": "phone",
    "add_date": "calendar",
    "look": "next",
}


def verb_words(verb: rules.Verb) -> str:
    return {
        "renew": _("Renew"),
        "pay": _("Pay now"),
        "pay_in_shop": _("Pay in a shop"),
        "install": _("Install eSIM"),
        "see_order": _("See order"),
        "ask": _("Ask for help"),
        "add_date": _("Add last top-up"),
        "look": _("Look"),
    }[verb]


def until_words(kind: str | None, on: date | None) -> SafeString | str:
    if kind is None or on is None:
        return ""
    sentence = {
        "limited": _("Until {on}, then it only receives"),
        "off": _("Until {on}, then it is switched off"),
        "lost": _("Until {on}, then the number is lost"),
    }[kind]
    return format_html(sentence, on=locales.time_tag(on.isoformat(), locales.day(on)))


def then_words(kind: str | None) -> str:
    """What ends with a date of this kind."""
    return {
        "limited": _("then it only receives"),
        "off": _("then it is switched off"),
        "lost": _("then the number is lost"),
    }.get(kind or "", "")


def operator_name(slug: str) -> str:
    return rulebook.operator(slug).display_name(locales.language())


def shown_number(line: Line, user: User, *, granted: bool = False) -> str:
    """The whole number for its signed-in holder, the last four digits for everybody else."""
    if line.holder_id == user.pk and not granted:
        return locales.phone(line.msisdn)
    return f"••• {line.msisdn[-4:]}"


def cards_for(user: User, today: date) -> list[Card]:
    """Every line that the reader holds or may see, worst first."""
    lines = list(lines_for(user))
    ready = _ready_profiles(lines)
    cards = [card_of(line, user, today, order, ready.get(line.pk)) for line, order in _with_orders(lines)]
    return sorted(cards, key=_worst_first)


def _worst_first(card: Card) -> tuple[int, date, int]:
    dates = card.dates
    return (*rules.worst_first(state=dates.state, next_on=dates.next_on), card.line.pk)


def card_of(line: Line, user: User, today: date, order: ProductOrder | None, profile: Delivery | None = None) -> Card:
    right = getattr(line, "my_right", "holder" if line.holder_id == user.pk else "read")
    open_ones = [attempt for attempt in order.attempts.all() if attempt.state == "open"] if order else []
    return Card(
        line=line,
        operator=operator_name(line.operator),
        dates=line_deadlines(line, today),
        order=order,
        provider=open_ones[0].provider if open_ones else None,
        may_pay=right != "read",
        shared=right != "holder",
        profile=profile if line.holder_id == user.pk else None,
        unsure=bool(open_ones) and in_vain(open_ones[0]),
    )


def in_vain(attempt: PaymentAttempt) -> bool:
    """Whether an open payment may have been made: the bank has it, does not answer, or its time is over.

    A saved card is charged without anybody's page: while that is open, nobody knows.
    """
    if attempt.saved_id:
        return True
    if attempt.provider == "cash" or not attempt.provider_ref:
        return False
    asked_in_vain = attempt.delays or attempt.failures or attempt.stuck_reason
    return bool(attempt.processing or asked_in_vain) or attempt.expires_at <= clock.now()


def _with_orders(lines: list[Line]) -> Iterable[tuple[Line, ProductOrder | None]]:
    """Each line with its order that is on its way, if there is one."""
    moving = ProductOrder.objects.filter(line__in=lines, state__in=["placed", "paid"]).prefetch_related("attempts")
    by_line = {order.line_id: order for order in moving.order_by("placed_at")}
    return [(line, by_line.get(line.pk)) for line in lines]


def _ready_profiles(lines: list[Line]) -> dict[int, Delivery]:
    """For each line the eSIM that its holder can install now."""
    esims = [line for line in lines if line.sim_type == SimType.ESIM]
    if not esims:
        return {}
    return {one.line_id: one for one in Delivery.objects.filter(line__in=esims, state__in=USABLE).order_by("pk")}


def profile_to_install(line: Line) -> Delivery | None:
    return _ready_profiles([line]).get(line.pk)


def order_on_its_way(line: Line) -> ProductOrder | None:
    return next(order for _line, order in _with_orders([line]))
