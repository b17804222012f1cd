"""How what is sold stands towards VAT: each fact with its source, and nothing on a receipt that is not certain."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lineaviva.keeper.books import rules, vat
from lineaviva.keeper.catalogue.models import Offering


def test_everything_that_is_on_sale_has_its_vat() -> None:
    assert {product.name for product in vat.products()} == {*Offering.Kind.values, "service"}


@pytest.mark.parametrize(
    ("name", "kind", "rate", "printed"),
    [
        ("topup", "single_stage", None, "single_stage"),
        ("plan", "single_stage", None, ""),
        ("service", "standard", Decimal(22), "standard"),
    ],
)
def test_how_each_stands(name: str, kind: str, rate: Decimal | None, printed: str) -> None:
    found = vat.product(name)
    assert (found.kind.name, found.kind.rate_percent, vat.printed(name)) == (kind, rate, printed)
    assert found.kind == vat.kind(kind)
    assert rules.known(rules.sales(kind))


@pytest.mark.parametrize("name", ["single_stage", "standard"])
def test_every_kind_names_its_law_and_where_it_stands(name: str) -> None:
    kind = vat.kind(name)
    assert "DPR 633/1972" in kind.law
    assert kind.sources
    assert all(title and url.startswith("https://www.normattiva.it/") for title, url in kind.sources)


def test_what_is_not_sold_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        vat.product("phone")


KIND = '[kind.a]\ntitle = "t"\nlaw = "l"\nsources = ["s"]\n[source.s]\ntitle = "s"\nurl = "https://x"\n'


def test_a_file_that_holds_together() -> None:
    kinds, products = vat.read(f'{KIND}[product.p]\nkind = "a"\ncertain = false\n')
    assert kinds["a"].sources == (("s", "https://x"),)
    assert (products["p"].kind, products["p"].certain, products["p"].note) == (kinds["a"], False, "")


@pytest.mark.parametrize(
    "text",
    [
        KIND,
        KIND.replace('law = "l"\n', "") + '[product.p]\nkind = "a"\ncertain = true\n',
        KIND.replace('["s"]', '["other"]') + '[product.p]\nkind = "a"\ncertain = true\n',
        f'{KIND}[product.p]\nkind = "b"\ncertain = true\n',
        f'{KIND}[product.p]\nkind = "a"\n',
    ],
    ids=["no product", "no law", "no such source", "no such kind", "not said whether certain"],
)
def test_a_file_that_does_not(text: str) -> None:
    with pytest.raises(KeyError):
        vat.read(text)
