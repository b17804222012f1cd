"""Pure: what extends a line, when it may still be bought for, what comes next in its life, how long a plan runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from lineaviva.kernel.calendar import add_months
from lineaviva.rulebook import Operator
from lineaviva.rulebook.deadlines import Deadlines

# Once a line is off, operators give it back by their own procedure only (reintegro); credit alone does not wake it.
ALIVE = frozenset({"full_service", "receive_only", "unknown"})
# The night that should give notice may be missed: it is given so many days before the last day on which it could be.
SPARE_DAYS = 5
PHASES = {
    "full_service": "full_service",
    "receive_only": "receive_only",
    "off_recoverable": "off",
    # By its dates only: no number is taken back without notice, however long ago its last day was.
    "lost": "off",
    "unknown": "unknown",
}


def extends(operator: Operator, kind: str, amount_minor: int) -> bool:
    """Whether an event of `kind` (topup or plan) with that amount moves the dates. Not known counts as no."""
    if operator.extends(kind) is not True:
        return False
    least = operator.smallest_extending_topup
    return kind != "topup" or least is None or amount_minor >= least.minor


def refusal(status: str, phase: str) -> tuple[str, str] | None:
    """Why nothing can be bought for the line, as code and sentence; None where it can. Both are the line's own."""
    if status == "suspended":
        return "line_suspended", "The line is blocked."
    if status == "closed":
        return "line_closed", "The line was closed; its number is not ours any more."
    if phase not in ALIVE:
        return "line_off", "The line is off by its validity rules; it must be reactivated before anything is bought."
    return None


@dataclass(frozen=True, slots=True)
class Life:
    """What decides when a line's phase changes. The dates are last days; noticed: the day of the legal notice."""

    phase: str
    full_service_until: date | None
    receive_only_until: date | None
    number_kept_until: date | None
    suspension_noticed_on: date | None = None
    loss_noticed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Days of notice that the law asks for, before a line is suspended and before its number is taken back."""

    suspension_days: int
    loss_days: int


@dataclass(frozen=True, slots=True)
class Step:
    """What the night does with a line: an outcome (ledger.Kind), or "" where it is not time yet, and the life after."""

    outcome: str
    life: Life
    look_on: date | None


def life_from(found: Deadlines) -> Life:
    """The life that the rulebook's dates give a line; a phase that the operator does not have ends with the one before.

    Where no source says what comes after full service, the line is taken to receive on: that takes least.
    """
    receives = found.receive_only_until
    period = found.chosen.get("receive_only_until")
    if period and period.no_such_phase:
        receives = found.full_service_until
    return Life(PHASES[found.state], found.full_service_until, receives, found.number_kept_until)


def life_step(life: Life, *, day: date, told_on: date, notice: Notice) -> Step:
    """The one next step of a line that the night of `day` looks at. A notice that is given now is given on `told_on`.

    No phase ends before its notice is as old as the law asks, whatever the dates say: a night that was missed costs
    the operator days, never the holder. `look_on` is `day` itself where another step is due at once.
    """
    due, outcome, after = _next(life, told_on, notice)
    if due is None or due > day:
        return Step("", life, due)
    return Step(outcome, after, _next(after, told_on, notice)[0])


def first_look(life: Life, *, told_on: date, notice: Notice) -> date | None:
    """The day on which the night first has to look at the line."""
    return _next(life, told_on, notice)[0]


def _next(life: Life, told_on: date, notice: Notice) -> tuple[date | None, str, Life]:
    candidates = [*_suspension(life, told_on, notice), *_off(life), *_loss(life, told_on, notice)]
    if not candidates:
        return None, "", life
    return min(candidates, key=lambda one: one[0])


def _suspension(life: Life, told_on: date, notice: Notice) -> list[tuple[date, str, Life]]:
    if life.phase != "full_service" or life.full_service_until is None:
        return []
    first_day = life.full_service_until + timedelta(days=1)
    if life.suspension_noticed_on is None:
        on = first_day - timedelta(days=notice.suspension_days + SPARE_DAYS)
        return [(on, "suspension_notice", replace(life, suspension_noticed_on=told_on))]
    on = max(first_day, life.suspension_noticed_on + timedelta(days=notice.suspension_days))
    receives = life.receive_only_until is None or life.receive_only_until > life.full_service_until
    phase = "receive_only" if receives else "off"
    return [(on, phase, replace(life, phase=phase))]


def _off(life: Life) -> list[tuple[date, str, Life]]:
    if life.phase != "receive_only" or life.receive_only_until is None:
        return []
    return [(life.receive_only_until + timedelta(days=1), "off", replace(life, phase="off"))]


def _loss(life: Life, told_on: date, notice: Notice) -> list[tuple[date, str, Life]]:
    if not (life.phase in {"receive_only", "off"} or _goes_with_service(life, notice)) or not life.number_kept_until:
        return []
    first_day = life.number_kept_until + timedelta(days=1)
    if life.loss_noticed_on is None:
        on = first_day - timedelta(days=notice.loss_days + SPARE_DAYS)
        return [(on, "loss_notice", replace(life, loss_noticed_on=told_on))]
    if life.phase == "full_service":
        return []  # told of both at once, but one comes after the other
    on = max(first_day, life.loss_noticed_on + timedelta(days=notice.loss_days))
    return [(on, "freed", replace(life, phase="free"))]


def _goes_with_service(life: Life, notice: Notice) -> bool:
    """Whether between the end of service and that of the number there is no time for another notice."""
    if life.phase != "full_service" or not life.full_service_until or not life.number_kept_until:
        return False
    return (life.number_kept_until - life.full_service_until).days < notice.loss_days


def period_end(start: date, *, months: int | None, days: int | None, anchor_day: int | None = None) -> date | None:
    """The first day after a period that begins on `start`; None where it has no end.

    Months are calendar months that keep to `anchor_day` (default: the day of `start`): a plan of 31 January is due on
    28 February and then on 31 March.
    """
    if months:
        first = start.replace(day=1)
        return add_months(first, months) + timedelta(
            days=_day_in(add_months(first, months), anchor_day or start.day) - 1
        )
    return start + timedelta(days=days) if days else None


def _day_in(first: date, day: int) -> int:
    last = (add_months(first, 1) - timedelta(days=1)).day
    return min(day, last)


def first_attempt(paid_until: date | None, after: date, ahead_days: int) -> date | None:
    """The day on which the next fee is first tried: so many days ahead of it, but later than `after`."""
    if paid_until is None:
        return None
    return max(paid_until - timedelta(days=ahead_days), min(after + timedelta(days=1), paid_until))
