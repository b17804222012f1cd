"""Pure: change, what somebody may hand over, and cash that was counted. Everything here is EUR."""

from __future__ import annotations

from collections.abc import Mapping

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

# Notes and coins in cents, the largest first.
PIECES = (50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
# The most that a till is believed to hold: what is more is a code read into the wrong field, and postings stay.
MOST_MINOR = 100_000_000
_NOTES = (500, 1000, 2000, 5000, 10000)
_MOST_PIECES = 99_999
_HANDY = 3


def change(total: Money, given: Money) -> Money:
    """What goes back to who hands over `given`.

    InvalidInput where it is less than `total`, in another currency, or so much more that it must be mistyped: nobody
    pays with two notes where the larger one would do.
    """
    if given.currency != total.currency or given < total:
        raise InvalidInput(f"It costs {total}: that is not enough.", code="given_too_little", field="given")
    if (given - total).minor >= PIECES[0]:
        message = f"It costs {total}: nobody hands over that much. Look at what you typed."
        raise InvalidInput(message, code="given_too_much", field="given")
    return given - total


def handy(total_minor: int) -> list[int]:
    """The amounts above the total that people hand over most: the next ones that notes make up, in cents."""
    rounded = {-(-total_minor // note) * note for note in _NOTES}
    return sorted(amount for amount in rounded if amount > total_minor)[:_HANDY]


def counted(pieces: Mapping[int, int]) -> Money:
    """What these notes and coins are together, by how many of each. InvalidInput where there are no such."""
    if any(piece not in PIECES or not 0 <= number <= _MOST_PIECES for piece, number in pieces.items()):
        message = "There are no such notes or coins, or not so many."
        raise InvalidInput(message, code="pieces_invalid", field="counted")
    return Money(sum(piece * number for piece, number in pieces.items()))
