"""What pages show of automatic renewal: the days to come in words, the saved cards, and what is agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.keeper.payments.ports import keepers, savers
from lineaviva.keeper.payments.queries import methods_of
from lineaviva.keeper.renewals import errors, rules
from lineaviva.keeper.renewals.models import AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import Buy, auto_of, is_charging, keepalive, plan_again, what_next
from lineaviva.keeper.renewals.texts import reason_text
from lineaviva.keeper.web import locales
from lineaviva.keeper.web.forms import AutoForm
from lineaviva.kernel.money import Money

# Which version of the sentences on web/auto.html, in the settings and in web/_keep.html was agreed to; change it with
# them.
AUTO_WORDS, CARD_WORDS, KEEP_WORDS = "auto-2", "card-1", "keep-1"


@dataclass(frozen=True)
class Step:
    """A day, and what happens on it by itself."""

    on: date
    word: str


@dataclass(frozen=True)
class Short:
    """Automatic renewal on the line's own page: the next thing to come, or that it can be had."""

    auto: AutoRenewal | None
    next: Step | None
    reason: str


def short_of(line: Line, now: datetime) -> Short | None:
    """None where it is off and nobody here keeps cards."""
    auto = auto_of(line)
    if auto is None:
        return Short(None, None, "") if savers() else None
    found = coming_of(auto, now)
    return Short(auto, found.steps[0] if found.steps else None, found.said)


@dataclass(frozen=True)
class Coming:
    """What will happen by itself, day by day; and in one sentence what has become of this time so far.

    `order`: the code of the order that is being paid, for who may look at it.
    """

    steps: list[Step]
    said: str = ""
    order: str = ""


def coming_of(auto: AutoRenewal, now: datetime) -> Coming:
    found = what_next(auto, now)
    run = found.run
    if run is None or run.state == AutoRun.State.DONE:
        return Coming([])
    order = run.order.code if run.order is not None and run.state == AutoRun.State.CHARGING else ""
    said = reason_text(found.reason, auto.method.provider)
    if order and not said:
        said = _("It is being paid now.") if is_charging(auto) else _("It is ordered, and nothing is charged yet.")
    works = auto.method.state == SavedMethod.State.ACTIVE
    steps = [one for one in found.steps if works or one.kind in {"notice", "deadline"}]
    return Coming([_step(auto, one, found.too_dear) for one in steps], said, order)


def _step(auto: AutoRenewal, step: rules.Step, too_dear: bool) -> Step:
    ceiling = locales.money(auto.ceiling_minor, auto.currency)
    amount = locales.money(step.amount.minor, step.amount.currency) if step.amount else ""
    charge = _("We charge %(amount)s and renew the line.") if amount else _("We charge %(ceiling)s at most.")
    dear = _("It costs %(amount)s; you allow at most %(ceiling)s. As long as that is so, nothing is charged.")
    words = {
        "notice": _("We write to you what it costs, with a button to stop it."),
        "charge": dear if too_dear else charge,
        "retry": _("If the card was refused before, we try once more."),
        "deadline": _("The date of the line."),
    }
    return Step(step.on, words[step.kind] % {"amount": amount, "ceiling": ceiling})


def form_of(user: User, line: Line, auto: AutoRenewal | None, data: Any, now: datetime) -> AutoForm:
    """What is agreed to now, or what would fit: the card saved last, twice what it costs today, a week before."""
    methods = list(methods_of(user).filter(state=SavedMethod.State.ACTIVE))
    smallest, plan = keepalive(line, now), plan_again(line, now) if line.plan else None
    if auto is not None:
        initial = {"method": auto.method_id, "ceiling": _euros(auto.ceiling_minor), "lead_days": auto.lead_days}
    else:
        fits = _euros(smallest.price.minor * 2) if smallest else None
        initial = {"method": methods[0].pk if methods else "", "ceiling": fits, "lead_days": rules.LEAD_DAYS}
    initial["choice"] = auto.choice if auto else AutoRenewal.Choice.KEEPALIVE
    choices = [(AutoRenewal.Choice.KEEPALIVE.value, _choice(_("The smallest thing that keeps the number"), smallest))]
    if plan is not None or initial["choice"] == AutoRenewal.Choice.PLAN:
        choices.append((AutoRenewal.Choice.PLAN.value, _choice(_("The same plan again"), plan)))
    named = [(str(one.pk), one.shown) for one in methods]
    return AutoForm(data, methods=named, choices=choices, initial=initial)


def require_enough(line: Line, choice: str, ceiling: Money, now: datetime) -> None:
    """InvalidInput (ceiling_low) where it costs more today already: nothing would ever be charged."""
    bought = plan_again(line, now) if choice == AutoRenewal.Choice.PLAN else keepalive(line, now)
    if bought is not None and bought.price.currency == ceiling.currency and bought.price > ceiling:
        raise errors.ceiling_low()


def _choice(word: str, bought: Buy | None) -> str:
    """With what it is and what it costs today."""
    if bought is None:
        return word
    return f"{word} ({bought.offering.name}, {locales.money(bought.price.minor, bought.price.currency)})"


def _euros(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


# --- kept with a payment ---------------------------------------------------------------------------------------------


def keep_offered(user: User | None) -> bool:
    """Whether a payer who is signed in is asked if their card is to be kept: not once they have one that works."""
    return user is not None and bool(keepers()) and not methods_of(user).filter(state=SavedMethod.State.ACTIVE).exists()


def keep_said(answers: Sequence[str]) -> str | None:
    """What a form with web/_keep.html says: the version that was agreed to, "" for no; None: nobody was asked."""
    if not answers:
        return None
    return KEEP_WORDS if "yes" in answers else ""


# --- saved cards ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saved:
    """A saved card, and the lines that renew by it."""

    method: SavedMethod
    name: str
    works: bool
    lines: Sequence[str]


@dataclass(frozen=True)
class Saver:
    """A provider that keeps cards, or what is like one; `name` as forms send it."""

    name: str
    word: str
    icon: str


def savers_of() -> list[Saver]:
    words = {"stripe": (_("Save a card"), "card"), "paypal": (_("Save your PayPal"), "money")}
    return [Saver(name, *words.get(name, (_("Save a card"), "card"))) for name in savers()]


@dataclass(frozen=True)
class Cards:
    """The cards of a person; `opened`: one whose page at the provider is not done; `offered`: who else keeps cards."""

    saved: list[Saved]
    opened: bool
    offered: list[Saver]

    def __bool__(self) -> bool:
        return bool(self.saved or self.opened or self.offered)


def saved_of(user: User) -> Cards:
    rows = list(methods_of(user).prefetch_related("autos__line"))
    opened = SavedMethod.objects.filter(holder=user, state=SavedMethod.State.OPENED).exclude(setup_ref="").exists()
    return Cards([_saved(row) for row in rows], opened, savers_of())


def _saved(row: SavedMethod) -> Saved:
    autos = [one for one in row.autos.all() if one.state == AutoRenewal.State.ON]
    return Saved(
        method=row,
        name=row.shown,
        works=row.state == SavedMethod.State.ACTIVE,
        lines=[one.line.label or f"…{one.line.msisdn[-4:]}" for one in autos],
    )
