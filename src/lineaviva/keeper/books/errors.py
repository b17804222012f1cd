"""Why the books refuse."""

from __future__ import annotations

from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound


def posted_otherwise(key: str) -> Conflict:
    """Never a person's doing: two different things were to be written under one name."""
    return Conflict(f"The books have other amounts under {key}.", code="posted_otherwise")


def reason_missing() -> InvalidInput:
    return InvalidInput("Say what it was.", code="reason_missing", field="reason")


def difference_unknown() -> NotFound:
    return NotFound("There is no such difference; see: lineaviva books differences", code="difference_unknown")


def difference_settled() -> Conflict:
    return Conflict("This difference is settled already.", code="difference_settled")
