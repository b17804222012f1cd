"""The book as a whole: found in the package, read once, kept for the life of the process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lineaviva.kernel.errors import LineavivaError, NotFound
from lineaviva.rulebook.model import Legal, Operator

HERE = Path(__file__).parent
OPERATORS = HERE / "operators"
LEGAL = HERE / "legal.toml"


class RulebookBroken(LineavivaError):
    """A file of the rulebook does not keep its form; the message names file and line."""

    code = "rulebook_broken"
    status = 500


@dataclass(frozen=True)
class Rulebook:
    """All operators by slug, in the order in which they are shown, and the law behind them."""

    operators: dict[str, Operator]
    legal: Legal


@cache
def slugs() -> tuple[str, ...]:
    """The operators that have a file: the three big networks first, then the others by name."""
    found = {path.stem for path in OPERATORS.glob("*.toml")}
    first = [slug for slug in ("tim", "vodafone", "windtre", "iliad") if slug in found]
    return (*first, *sorted(found - set(first)))


@cache
def load() -> Rulebook:
    """The whole book. RulebookBroken, naming file and line, if a file has a mistake."""
    return Rulebook(operators={slug: operator(slug) for slug in slugs()}, legal=legal())


@cache
def operator(slug: str) -> Operator:
    """One operator; reads its file only. NotFound (operator_unknown) on a slug without a file."""
    if slug not in slugs():
        raise NotFound(
            f"operator {slug!r} is not in the rulebook; known are {', '.join(slugs())}",
            code="operator_unknown",
            field="operator",
        )
    from lineaviva.rulebook.checking import checked
    from lineaviva.rulebook.reading import operator_from

    return operator_from(checked(OPERATORS / f"{slug}.toml"), legal())


@cache
def legal() -> Legal:
    """The rules of law and of the numbering plan."""
    from lineaviva.rulebook.checking import checked
    from lineaviva.rulebook.reading import legal_from

    return legal_from(checked(LEGAL))


def operators() -> list[Operator]:
    """All operators, in the order in which they are shown."""
    return list(load().operators.values())
