"""People and lines for tests, made by the actions that pages use. Each line gets a number of its own."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any

from lineaviva.keeper.accounts.actions import user_get_or_create
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import line_register
from lineaviva.keeper.lines.models import Line
from tests.conftest import NOON

_numbers = count(1)


def msisdn() -> str:
    """A valid Italian mobile number that no other test has."""
    return f"+39347{next(_numbers) + 1_000_000:07d}"


def holder(
    email: str = "anna@example.org", *, language: str = "it", role: str = "holder", now: datetime = NOON
) -> User:
    """The account with this address; asked again, the same one."""
    return user_get_or_create(email=email, language=language, role=role, now=now)


def anna(*, now: datetime = NOON) -> User:
    return holder(now=now)


def clerk(email: str = "chen@example.org", *, language: str = "zh-hans", now: datetime = NOON) -> User:
    return holder(email, language=language, role="clerk", now=now)


def line(
    *,
    holder: User | None = None,
    operator: str = "tim",
    last_topup: date | None = date(2026, 3, 31),
    now: datetime = NOON,
    **fields: Any,
) -> Line:
    """A line as its holder would add it; Anna's, of TIM, topped up on 31 March 2026 unless told otherwise."""
    owner = holder or anna(now=now)
    fields.setdefault("msisdn", msisdn())
    return line_register(holder=owner, operator=operator, last_topup=last_topup, by=owner, now=now, **fields)
