"""The smallest act that keeps a line, and the sentences that explain it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from lineaviva.keeper.catalogue.models import Offering
from lineaviva.kernel.money import Money
from lineaviva.rulebook.deadlines import FIELDS, Deadlines


@dataclass(frozen=True)
class Keepalive:
    """One act that moves a line's dates, what it costs a year, and the dates before and after it.

    `total` is what it costs today, with the best promotion; `cost_per_year` counts the full price, since a promotion of
    today is no promise for the next time.
    """

    offering: Offering
    price: Money
    discount: Money
    total: Money
    months: int | None  # of full service that it gives; None: not known
    recurs: bool  # its price is due in each of its periods, not only when the dates ask for it
    cost_per_year: Money | None
    plan: str  # the line's own, as its holder wrote it
    drain_per_year: Money | None  # what that plan takes beside it; None: not known
    before: Deadlines
    after: Deadlines

    @property
    def moves(self) -> dict[str, tuple[date | None, date | None]]:
        """Which dates move: field of Deadlines -> (last day before, last day after)."""
        both = {name: (getattr(self.before, name), getattr(self.after, name)) for name in FIELDS}
        return {name: pair for name, pair in both.items() if pair[0] != pair[1]}

    @property
    def why(self) -> list[str]:
        """Sentences in the reader's language: how long it lasts, what it costs a year, what else takes money."""
        sentences = [self._lasts(), self._a_year(), self._stays(), self._drains()]
        return [sentence for sentence in sentences if sentence]

    def _lasts(self) -> str:
        months = self.months
        if not months:
            return _("It moves the line's dates; for how long is not known.")
        text = ngettext(
            "It gives the line %(months)s month of full service, counted from that day.",
            "It gives the line %(months)s months of full service, counted from that day.",
            months,
        )
        return text % {"months": months}

    def _a_year(self) -> str:
        if self.cost_per_year is None:
            return ""
        amount = {"amount": _money(self.cost_per_year)}
        if self.recurs:
            return _("Its price is due again in each period, that is %(amount)s a year.") % amount
        return _("Done again each time before they end, that is %(amount)s a year.") % amount

    def _stays(self) -> str:
        return _("The money stays on the line as credit.") if self.offering.kind == Offering.Kind.TOPUP else ""

    def _drains(self) -> str:
        if self.drain_per_year:
            facts = {"plan": self.plan, "amount": _money(self.drain_per_year)}
            return _("Beside that the plan %(plan)s takes %(amount)s a year from the credit.") % facts
        if self.plan:
            return _("What the plan %(plan)s takes from the credit is not known.") % {"plan": self.plan}
        return _("Whether a plan on this line takes money from the credit is not known.")


def _money(amount: Money) -> str:
    return amount.format(get_language() or "en")
