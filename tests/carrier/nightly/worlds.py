"""Some lines of everything that a night can meet, in one or two parts; and runs of it that end before their time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

from lineaviva.carrier.nightly.models import Shard
from lineaviva.carrier.nightly.night import Night
from lineaviva.carrier.nightly.workers import worker_run
from lineaviva.carrier.partitions import parts
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, in_part

OPERATORS = ("tim", "vodafone", "windtre", "iliad", "ho")


def mixed(times: int = 1) -> None:
    """Twenty-eight lines, so many times: half of them in part 0, half in part 1 where there is one."""
    many = 28 * times
    ids = in_part(0, many) if connection.vendor == "sqlite" else [*in_part(0, many // 2), *in_part(1, many // 2)]
    numbers = iter(ids)
    for operator in OPERATORS:
        for key in ("base", "more", "dearer", "over"):
            lines.offer(operator, key)
        lines.change(f"{operator}-dearer", price_minor=899)
        lines.change(f"{operator}-over", "withdrawn")
    lines.change("tim-base", announced_on=NIGHT, from_on=day(40), price_minor=999, given=None)
    lines.change("iliad-more", announced_on=day(-1), from_on=day(10), price_minor=999, given=None)
    for _ in range(times):
        _plans(numbers)
        _lives(numbers)
    two_parts_due()


def two_parts_due() -> None:
    """What is in no other part need not be looked for there."""
    Shard.objects.bulk_create([Shard(part=part, done_through=None if part < 2 else NIGHT) for part in parts()])


def _plans(numbers: Any) -> None:
    def line(operator: str, credit: int, *plans: dict[str, Any], debt: int = 0, **columns: Any) -> None:
        made = lines.line(operator, credit=credit, debt=debt, id=next(numbers), **columns)
        for facts in plans:
            facts = {**facts}
            lines.plan(made, f"{operator}-{facts.pop('key', 'base')}", **facts)

    for operator in OPERATORS:
        line(operator, 5000, {})
        line(operator, 150, {})
        line(operator, 900, {}, {"key": "more"})
    line("vodafone", 50, {"late_days": 2, "paid_until": day(-2), "due_on": NIGHT}, debt=198)
    line("tim", 5000, {"promo_minor": 399, "promo_until": day(60)}, {"key": "dearer"})
    line("windtre", 5000, {"key": "over"}, {"auto_renew": False})
    line("iliad", 0, {"paid_until": day(2), "due_on": NIGHT})
    line("tim", 5000, {"status": "asleep", "paid_until": day(-180), "due_on": NIGHT})
    line("ho", 5000, {"key": "nothing"})
    line("tim", 5000, {}, phase="receive_only", look_on=None)


def _lives(numbers: Any) -> None:
    late = {"phase": "off", "full_service_until": day(-400), "receive_only_until": day(-370)}
    told = {"suspension_noticed_on": day(-40)}
    for facts in (
        {"full_service_until": day(34)},
        {"full_service_until": day(-1), "receive_only_until": day(29), **told},
        {"full_service_until": day(-1), "receive_only_until": day(-1), **told},
        {**late, "number_kept_until": day(34)},
        {**late, "number_kept_until": day(-1), "loss_noticed_on": day(-40), "credit": 777},
        {**late, "number_kept_until": day(-1)},
    ):
        line = lines.line(id=next(numbers), look_on=NIGHT, **facts)
        if "credit" in facts:
            lines.plan(line, status="asleep", paid_until=day(-50), due_on=day(100))


# --- running it -----------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is no more."""


def work(batch: int, stopped: Callable[[], bool] = lambda: False) -> None:
    """A worker's night to its end."""
    worker_run(Night(as_of=NIGHT, at=at(NIGHT), batch=batch, stopped=stopped))


def statements(batch: int) -> list[str]:
    """What a night asks of the database, in its order."""
    asked: list[str] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        work(batch)
    return asked


def killed_at(place: int, batch: int) -> bool:
    """Work until the statement of that number, which is not carried out any more; whether it came so far."""
    asked, dead = 0, False

    def kill(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal asked, dead
        # What comes after that is the database's own: it takes back what was not committed.
        if asked >= place and not dead and not sql.startswith("ROLLBACK"):
            dead = True
            raise Killed
        asked += 1
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(kill):
            work(batch)
    except Killed:
        lines.lease_over()
        return True
    return False
