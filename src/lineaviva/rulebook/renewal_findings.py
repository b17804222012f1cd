"""What a schema cannot say about the policies of renewal in an operator file: which keys go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lineaviva.rulebook.facts import CAUTIOUS
from lineaviva.rulebook.positions import Path

Table = Mapping[str, Any]
Finding = tuple[Path, str]
LATE = ("renewal", "late")
# Which keys an answer to too little credit wants; the others it must not have.
WANTED = {
    "sleep": (),
    "courtesy": ("courtesy", "after_courtesy"),
    "negative_once": ("after_courtesy",),
}


def policy_findings(document: Table) -> Iterator[Finding]:
    """Path and sentence of every mistake. The document keeps its schema."""
    late = _entries(document["renewal"], "late")
    policies = [(index, row) for index, row in enumerate(late) if "id" in row]
    for index, row in policies:
        yield from _keys((*LATE, index), row)
    yield from _ids(policies)
    yield from _default(policies)
    yield from _beside(document["renewal"], bool(policies))
    yield from _named(document["plans"], {row["id"] for _, row in policies})


def _entries(section: Table, key: str) -> list[dict[str, Any]]:
    value = section[key]
    return value if isinstance(value, list) else []


def _keys(path: Path, row: Table) -> Iterator[Finding]:
    does = row["on_short_credit"]
    for key in ("courtesy", "after_courtesy"):
        if key in WANTED[does] and key not in row:
            yield path, f'lacks "{key}", which on_short_credit = "{does}" wants'
        elif key in row and key not in WANTED[does]:
            yield (*path, key), f'stands beside on_short_credit = "{does}", which has none'


def _ids(policies: list[tuple[int, dict[str, Any]]]) -> Iterator[Finding]:
    seen = set()
    for index, row in policies:
        if row["id"] == CAUTIOUS.id:
            yield (*LATE, index, "id"), f'is "{CAUTIOUS.id}", the name for operators without a policy'
        if row["id"] in seen:
            yield (*LATE, index, "id"), f'"{row["id"]}" is used twice'
        seen.add(row["id"])


def _default(policies: list[tuple[int, dict[str, Any]]]) -> Iterator[Finding]:
    """Exactly one, so that an offer that names none has one."""
    chosen = [index for index, row in policies if "default" in row]
    if policies and not chosen:
        yield LATE, 'lacks "default": one of its policies must have default = true'
    for index in chosen[1:]:
        yield (*LATE, index, "default"), f"is true, but renewal.late[{chosen[0] + 1}] is the default already"


def _beside(renewal: Table, has_policies: bool) -> Iterator[Finding]:
    """What stands in other entries and belongs to every policy of the file."""
    tries = 0
    for index, row in enumerate(_entries(renewal, "hour")):
        path: Path = ("renewal", "hour", index, "attempts_before_days")
        days = row.get("attempts_before_days", [])
        tries += bool(days)
        if days != sorted(days, reverse=True):
            yield path, "must go down: the day that is furthest before the date comes first"
        if days and tries > 1:
            yield path, "stands in a second entry; only one can be carried out"
        if days and not has_policies:
            yield path, "belongs to no policy: no [[renewal.late]] entry has an id"
    for index, row in enumerate(_entries(renewal, "suspended")):
        if "removed_after_days" in row and not has_policies:
            yield (
                ("renewal", "suspended", index, "removed_after_days"),
                "belongs to no policy: no [[renewal.late]] entry has an id",
            )


def _named(plans: Table, known: set[str]) -> Iterator[Finding]:
    for index, offer in enumerate(_entries(plans, "offers")):
        name = offer.get("renewal_policy")
        if name is not None and name not in known:
            yield (
                ("plans", "offers", index, "renewal_policy"),
                f'names the policy "{name}", but no [[renewal.late]] entry has that id',
            )
