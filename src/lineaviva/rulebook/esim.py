"""How often an eSIM code of an operator can be used: the answer that a holder can rely on."""

from __future__ import annotations

from math import inf

from lineaviva.rulebook.facts import CONFIDENCES, Redownload
from lineaviva.rulebook.model import Operator


def redownload(operator: Operator) -> Redownload | None:
    """Of the candidates that name a number, the one with the fewest times; None where none does.

    Take None as one time: a profile that was deleted on somebody's word is gone.
    """
    counted = [one for one in operator.esim.redownload if one.times is not None]
    return min(counted, key=_least_first, default=None)


def _least_first(fact: Redownload) -> tuple[float, int]:
    times = inf if fact.times is None or fact.unlimited else fact.times
    return times, -CONFIDENCES.index(fact.confidence)
