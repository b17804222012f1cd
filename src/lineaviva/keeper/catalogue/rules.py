"""Pure decisions about offerings: whose word counts, which promotion applies, what a year costs, what fits a need."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from lineaviva.kernel.errors import InvalidInput

UNLIMITED = -1
CONDITIONS = {"minimum_minor", "sim_type", "once_per_line"}
CRITERIA = ("data_mb", "minutes", "sms", "calls_to_china", "eu_roaming_mb")


# --- offerings from several sources -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """An offering as one source tells it; None means that this source does not know."""

    operator: str
    external_id: str
    kind: str
    name: str
    source: str
    price_minor: int | None = None
    currency: str = "EUR"
    period_months: int | None = None
    period_days: int | None = None
    allowances: dict[str, Any] = field(default_factory=dict)
    extends: bool | None = None
    sellable: bool = False
    source_url: str = ""
    source_date: str = ""
    note: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.operator}:{self.external_id}"


def topup_id(minor: int) -> str:
    """The external id of a top-up of `minor` cents: topup-5, topup-4.99."""
    whole, cents = divmod(minor, 100)
    return f"topup-{whole}.{cents:02d}" if cents else f"topup-{whole}"


def merge(rulebook: Iterable[Draft], carrier: Iterable[Draft]) -> dict[str, Draft]:
    """One draft per key. The carrier's price, name and period win; what it leaves out comes from the rulebook."""
    merged = {draft.key: draft for draft in rulebook}
    for draft in carrier:
        known = merged.get(draft.key)
        merged[draft.key] = _with_facts(draft, known) if known else draft
    return merged


def _with_facts(draft: Draft, known: Draft) -> Draft:
    no_period = draft.period_months is None and draft.period_days is None
    return replace(
        draft,
        period_months=known.period_months if no_period else draft.period_months,
        period_days=known.period_days if no_period else draft.period_days,
        allowances={**known.allowances, **draft.allowances},
        extends=known.extends if draft.extends is None else draft.extends,
        source_url=known.source_url,
        source_date=known.source_date,
        note=known.note,
    )


# --- promotions ---------------------------------------------------------------------------------------------------

CODE = re.compile(r"[A-Z0-9]{3,30}")
_SEPARATORS = re.compile(r"[\s\-–—.·_]+")


def code_read(text: str) -> str:
    """A promotion's code as typed by a person: in any case, with spaces, dashes or full-width letters; "" for none."""
    code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
    return code if CODE.fullmatch(code) else ""


@dataclass(frozen=True)
class Terms:
    """A promotion's terms as the quote looks at them."""

    key: str
    valid_from: datetime
    valid_until: datetime | None
    off_minor: int = 0
    off_percent: int = 0
    conditions: Mapping[str, Any] = field(default_factory=dict)
    used_on_line: bool = False


def applies(terms: Terms, *, price_minor: int, sim_type: str, now: datetime) -> bool:
    """Whether every named condition holds at `now`. A condition that this program does not know never holds."""
    begun = terms.valid_from <= now
    over = terms.valid_until is not None and terms.valid_until <= now
    wanted = terms.conditions
    return (
        begun
        and not over
        and set(wanted) <= CONDITIONS
        and price_minor >= wanted.get("minimum_minor", 0)
        and wanted.get("sim_type", sim_type) == sim_type
        and not (wanted.get("once_per_line") and terms.used_on_line)
    )


def discount(terms: Terms, price_minor: int) -> int:
    """What the promotion takes off, in minor units; rounded half up, never more than the price."""
    percent = (price_minor * terms.off_percent + 50) // 100
    return min(price_minor, terms.off_minor + percent)


def best(promotions: Iterable[Terms], *, price_minor: int, sim_type: str, now: datetime) -> tuple[Terms | None, int]:
    """The applying promotion that leaves the holder most money, and what it takes off; (None, 0) without one."""
    choices = [
        (discount(terms, price_minor), terms)
        for terms in promotions
        if applies(terms, price_minor=price_minor, sim_type=sim_type, now=now)
    ]
    choices = [choice for choice in choices if choice[0] > 0]
    if not choices:
        return None, 0
    off, terms = min(choices, key=lambda choice: (-choice[0], choice[1].key))
    return terms, off


# --- what it costs ------------------------------------------------------------------------------------------------


def per_month(price_minor: int | None, months: int | None, days: int | None) -> int | None:
    """Price a month in minor units, rounded half up; a year has 365 days. None where price or period is not known."""
    if price_minor is None:
        return None
    if months:
        return _half_up(price_minor, months)
    return _half_up(price_minor * 365, 12 * days) if days else None


def per_year(price_minor: int | None, months: int | None, days: int | None = None) -> int | None:
    """Cost over twelve months of paying `price_minor` once in each period; as `per_month`, rounded once."""
    if price_minor is None:
        return None
    if months:
        return _half_up(price_minor * 12, months)
    return _half_up(price_minor * 365, days) if days else None


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


# --- comparing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """What a holder needs in a month; None or False: does not matter."""

    data_mb: int | None = None
    minutes: int | None = None
    sms: int | None = None
    calls_to_china: bool = False
    eu_roaming_mb: int | None = None

    @classmethod
    def parse(cls, parts: Iterable[str]) -> Need:
        """From `data_mb=5000`, `minutes=100`, `calls_to_china`, alone or by comma. Raises InvalidInput on others."""
        values: dict[str, Any] = {}
        for part in (word.strip() for text in parts for word in text.split(",")):
            if part:
                name, _, value = part.partition("=")
                values[name.strip()] = _wanted(name.strip(), value.strip())
        return cls(**values)

    def wanted(self) -> dict[str, int | bool]:
        """The criteria that matter, in the order of CRITERIA."""
        return {name: value for name in CRITERIA if (value := getattr(self, name))}


def _wanted(name: str, value: str) -> int | bool:
    if name not in CRITERIA:
        raise InvalidInput(
            f"{name} is not a criterion; there are {', '.join(CRITERIA)}.", code="need_unknown", field="need"
        )
    if name == "calls_to_china":
        if value.lower() not in {"", "yes", "no"}:
            raise InvalidInput("calls_to_china is yes or no.", code="need_invalid", field="need")
        return value.lower() != "no"
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise InvalidInput(f"{name} needs a whole number, as in {name}=100.", code="need_invalid", field="need")
    return int(value)


@dataclass(frozen=True)
class Criterion:
    """One thing that is needed, what the offering has of it (None: not known), and whether that is enough."""

    name: str
    wanted: int | bool
    offered: Any
    met: bool | None


def judge(need: Need, allowances: Mapping[str, Any]) -> list[Criterion]:
    """Each criterion that matters against what is known; never a guess."""
    return [
        Criterion(name, wanted, allowances.get(name), _met(wanted, allowances.get(name)))
        for name, wanted in need.wanted().items()
    ]


def _met(wanted: int | bool, offered: Any) -> bool | None:
    if offered is None:
        return None
    if isinstance(wanted, bool):
        return bool(offered)
    return bool(offered == UNLIMITED or offered >= wanted)


def fits(criteria: Iterable[Criterion]) -> bool | None:
    """False as soon as one criterion is not met, None while one is not known, else True."""
    verdicts = [criterion.met for criterion in criteria]
    if False in verdicts:
        return False
    return None if None in verdicts else True
