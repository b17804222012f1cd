"""What a fact of the rulebook is: a value, where it was read, and how far it can be trusted.

Nothing here is guessed. What is not known is an empty `Facts` that says why, or None.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeVar

from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.money import Money

Kind = Literal["official", "press", "blog", "forum"]
Confidence = Literal["high", "medium", "low"]
Answer = Literal["yes", "no", "unknown"]
ShortCredit = Literal["sleep", "courtesy", "negative_once"]
AfterCourtesy = Literal["block", "sleep"]
Restart = Literal["day_of_topup", "old_date"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")

# A source whose year is this many years before the year of collection, or more, cannot be more than low.
OLD_AFTER_YEARS = 5


@dataclass(frozen=True)
class Source:
    """One page that was read. `date` is as the page has it: ISO, shortened where the day is not given, `~` where it
    is inferred, or `undated`.
    """

    id: str
    url: str
    date: str
    kind: Kind
    confidence: Confidence
    note: str = ""


def confidence_allowed(kind: str, page_date: str, collected_on: date) -> Confidence:
    """The most that a page of this kind and date can be trusted.

    Official and dated within five years: high. Official and undated, or press dated within five years: medium.
    Everything else (blogs, forums, undated press, anything older): low.
    """
    year = page_date.lstrip("~").replace("/", "-").split("-")[0]
    dated = year.isdigit()
    if dated and collected_on.year - int(year) >= OLD_AFTER_YEARS:
        return "low"
    if kind == "official":
        return "high" if dated else "medium"
    return "medium" if kind == "press" and dated else "low"


T = TypeVar("T")


class Facts(tuple[T, ...]):
    """Candidates for one fact, all of them kept. Empty: not known, and `why_unknown` may say why."""

    why_unknown: str

    def __new__(cls, items: Iterable[T] = (), why_unknown: str = "") -> Facts[T]:
        made = super().__new__(cls, items)
        made.why_unknown = why_unknown
        return made


@dataclass(frozen=True, kw_only=True)
class Fact:
    sources: tuple[Source, ...]
    note: str = ""

    @property
    def confidence(self) -> Confidence:
        """That of its best source."""
        return max((source.confidence for source in self.sources), key=CONFIDENCES.index, default="low")


@dataclass(frozen=True, kw_only=True)
class Text(Fact):
    text: str


@dataclass(frozen=True, kw_only=True)
class Contact(Fact):
    """`reach` is what one dials, opens or looks for: a number, a code, an app, an address."""

    reach: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict(Fact):
    answer: Answer

    @property
    def value(self) -> bool | None:
        """True, False, or None where it is not known."""
        return {"yes": True, "no": False, "unknown": None}[self.answer]


@dataclass(frozen=True, kw_only=True)
class Period(Fact):
    """How long a phase lasts, counted from the last event that extends the line and from nothing else.

    `months` is None where there is no such phase, or where no limit is stated. A candidate that is `set_aside` is
    kept and shown with that reason, and does not warn.
    """

    months: int | None = None
    days: int = 0
    no_such_phase: bool = False
    no_limit_stated: bool = False
    text: str = ""
    set_aside: str = ""

    def last_day(self, event: date) -> date | None:
        """The last day of the phase (civil code art. 2963), or None where there is none to count."""
        if self.months is None:
            return None
        return add_months(event, self.months) + timedelta(days=self.days)


@dataclass(frozen=True, kw_only=True)
class Recovery(Fact):
    """One way to have the number back once the line is off, and until when it is open, if that is stated."""

    way: str
    text: str
    months: int | None = None
    days: int = 0

    def last_day(self, event: date) -> date | None:
        if self.months is None:
            return None
        return add_months(event, self.months) + timedelta(days=self.days)


@dataclass(frozen=True, kw_only=True)
class SmallestTopup(Fact):
    """`any_amount`: the source says that every top-up extends. `amount` is the sum that it names, if it names one."""

    any_amount: bool
    amount: Money | None = None


@dataclass(frozen=True, kw_only=True)
class Denomination(Fact):
    """An amount that is sold in a channel; from `minor` to `up_to_minor` by `step_minor` where it can be chosen.

    `credit_minor` is what reaches the credit: less than was paid for the "special" cuts.
    """

    channel: str
    minor: int
    credit_minor: int
    up_to_minor: int | None = None
    step_minor: int | None = None
    name: str = ""

    @property
    def price(self) -> Money:
        return Money(self.minor, "EUR")


@dataclass(frozen=True, kw_only=True)
class Price(Fact):
    amount: Money
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Offer(Fact):
    """A base tariff, plan or option that matters to a line that is only to be kept.

    `price` is what one pays for one period (`period_months`, None: no fixed period). `monthly_drain` is what it takes
    from the credit each month without any use. Allowances: -1 is without limit, None is not known.
    """

    id: str
    name: str
    kind: Literal["base_tariff", "plan", "option"]
    price: Money | None
    period_months: int | None
    monthly_drain: Money | None
    data_mb: int | None
    minutes: int | None
    sms: int | None
    eu_roaming_mb: int | None
    calls_to_china: str
    per_use: dict[str, str]
    activation_cost: Money | None
    on_sale: Answer
    extends: bool | None
    # The id of the operator's policy for this offer; empty: its default.
    renewal_policy: str = ""


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """What the night does when the fee of an offer is due and the credit is too little.

    on_short_credit      sleep: nothing is charged and the offer sleeps; courtesy: it runs on for some days, each at
                         its charge; negative_once: the fee is taken once all the same, the credit goes below zero
    courtesy_minor       cents for each further day, in order; 0 for a day that an earlier charge has paid
    after_courtesy       what follows the last of them (after negative_once: the next missed fee). block: only incoming
                         and emergency calls until a top-up; sleep: the base tariff
    attempts_before_days days before its date on which the fee is tried already, furthest first
    restart              whose date counts after the top-up: the top-up's own, or the one that was missed
    removed_after_days   days after which an offer that has slept or was blocked is removed; None: not known, never
    assumed              fields about which no source says anything: they hold the answer that takes least
    """

    id: str
    name: str
    on_short_credit: ShortCredit
    courtesy_minor: tuple[int, ...]
    after_courtesy: AfterCourtesy
    attempts_before_days: tuple[int, ...]
    restart: Restart
    removed_after_days: int | None
    sources: tuple[Source, ...]
    assumed: tuple[str, ...] = ()


# It takes nothing from anybody that their operator is not known to take.
CAUTIOUS = RenewalPolicy(
    id="cautious",
    name="Nothing is known",
    on_short_credit="sleep",
    courtesy_minor=(),
    after_courtesy="sleep",
    attempts_before_days=(),
    restart="day_of_topup",
    removed_after_days=None,
    sources=(),
    assumed=("on_short_credit", "restart"),
)


@dataclass(frozen=True, kw_only=True)
class LateRenewal(Fact):
    """What happens, and what is charged, when the credit is not enough on the day an offer renews.

    `policy` is the same for a machine; None where a source says too little to be carried out.
    """

    name: str
    text: str
    charge: Money | None
    charge_text: str
    days: int | None
    then: str
    policy: RenewalPolicy | None = None
    is_default: bool = False


@dataclass(frozen=True, kw_only=True)
class SuspendedOffer(Text):
    """What becomes of an offer that sleeps. `removed_after_days` is None where the source names no number of days."""

    removed_after_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class RenewalHour(Text):
    """When the fee is taken. `attempts_before_days`: days before its date on which it is tried already."""

    attempts_before_days: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Redownload(Text):
    """How often one eSIM code can be used in all, for a profile that is given out today.

    `times`: -1 is without limit. None where the source names no number; "no limit is stated" is such a case.
    """

    times: int | None = None

    @property
    def one_time(self) -> bool:
        return self.times == 1

    @property
    def unlimited(self) -> bool:
        return self.times == -1


@dataclass(frozen=True, kw_only=True)
class Risk(Fact):
    id: str
    kind: str
    text: str
    act: str
    on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Term(Fact):
    italian: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class LegalRule(Fact):
    id: str
    topic: str
    text: str
    months: int | None = None
    days: int | None = None
