"""Operators as data, one TOML file each, every fact with its source; and the dates that follow from them.

    from lineaviva import rulebook
    tim = rulebook.operator("tim")
    rulebook.deadlines.deadlines(operator=tim, last_event=date(2025, 3, 31), as_of=today)

Importing this reads no file. What is not known is said to be unknown, and is never guessed.
"""

from __future__ import annotations

from lineaviva.rulebook import deadlines
from lineaviva.rulebook.book import Rulebook, RulebookBroken, legal, load, operator, operators, slugs
from lineaviva.rulebook.esim import redownload
from lineaviva.rulebook.facts import CAUTIOUS, Redownload, RenewalPolicy
from lineaviva.rulebook.model import EVENT_KINDS, Legal, Operator

__all__ = [
    "CAUTIOUS",
    "EVENT_KINDS",
    "Legal",
    "Operator",
    "Redownload",
    "RenewalPolicy",
    "Rulebook",
    "RulebookBroken",
    "deadlines",
    "legal",
    "load",
    "operator",
    "operators",
    "redownload",
    "slugs",
]
