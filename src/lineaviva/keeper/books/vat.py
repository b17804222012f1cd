"""How what is sold stands towards VAT, as vat.toml says; refused as a whole where it does not hold together."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().with_name("vat.toml")


@dataclass(frozen=True)
class VatKind:
    """`rate_percent` None: nothing is owed by us. `sources` are titles with their addresses."""

    name: str
    title: str
    law: str
    rate_percent: Decimal | None
    sources: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class Product:
    """`certain`: whether a receipt may say it."""

    name: str
    kind: VatKind
    certain: bool
    note: str = ""


def product(name: str) -> Product:
    """How this kind of offering (topup, plan, service) stands. Raises KeyError for one that the file does not have."""
    return _all()[1][name]


def kind(name: str) -> VatKind:
    """The kind with this name. Raises KeyError."""
    return _all()[0][name]


def products() -> list[Product]:
    return list(_all()[1].values())


def printed(name: str) -> str:
    """The kind that a receipt may name for this kind of offering; empty where it is not certain."""
    found = product(name)
    return found.kind.name if found.certain else ""


@cache
def _all() -> tuple[dict[str, VatKind], dict[str, Product]]:
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> tuple[dict[str, VatKind], dict[str, Product]]:
    """The kinds and products of such a file. Raises ValueError for what is no TOML, KeyError for what is missing."""
    data = tomllib.loads(text)
    kinds = {name: _kind(name, facts, data["source"]) for name, facts in data["kind"].items()}
    return kinds, {
        name: Product(name, kinds[facts["kind"]], facts["certain"], facts.get("note", ""))
        for name, facts in data["product"].items()
    }


def _kind(name: str, facts: dict[str, Any], sources: dict[str, Any]) -> VatKind:
    named = tuple((sources[one]["title"], sources[one]["url"]) for one in facts["sources"])
    rate = Decimal(facts["rate_percent"]) if "rate_percent" in facts else None
    return VatKind(name, facts["title"], facts["law"], rate, named, facts.get("note", ""))
