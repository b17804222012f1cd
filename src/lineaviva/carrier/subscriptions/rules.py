"""Pure decisions about a line's life: what extends it, when it may still be bought for, how long a plan runs."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.clock import ROME
from lineaviva.rulebook import Operator

# Once a line is off, operators give it back by their own procedure only (reintegro); credit alone does not wake it.
ALIVE = frozenset({"full_service", "receive_only", "unknown"})


def extends(operator: Operator, kind: str, amount_minor: int) -> bool:
    """Whether an event of `kind` (topup or plan) with that amount moves the dates. Not known counts as no."""
    if operator.extends(kind) is not True:
        return False
    least = operator.smallest_extending_topup
    return kind != "topup" or least is None or amount_minor >= least.minor


def refusal(status: str, state: str) -> tuple[str, str] | None:
    """Why nothing can be bought for the line, as code and sentence; None where it can.

    `status` is what a person decided (models.Status), `state` the rulebook's phase.
    """
    if status == "suspended":
        return "line_suspended", "The line is blocked."
    if status == "closed":
        return "line_closed", "The line was closed; its number is not ours any more."
    if state not in ALIVE:
        return "line_off", "The line is off by its validity rules; it must be reactivated before anything is bought."
    return None


def plan_period(
    *, now: datetime, running_until: datetime | None, months: int | None, days: int | None
) -> tuple[datetime, datetime | None]:
    """When a plan bought at `now` starts and ends: half-open, in calendar months of Rome, ending at midnight.

    `running_until` is the end of the same plan where it still runs: the new period follows it, so that nobody loses
    days by renewing early. Without months and days the plan has no end.
    """
    start = max(now, running_until) if running_until else now
    first_day = start.astimezone(ROME).date()
    if months:
        last_day = add_months(first_day, months)
    elif days:
        last_day = first_day + timedelta(days=days)
    else:
        return start, None
    return start, datetime.combine(last_day, time(), ROME).astimezone(start.tzinfo)
