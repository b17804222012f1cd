"""The table is exact: each way answers each row, by tests or by a reason that is true, and no test stands beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lineaviva.keeper.payments.ports import Return, Urls, provider
from lineaviva.kernel.errors import LineavivaError, NeedsPerson
from tests.contracts.all_sides import SIDES
from tests.contracts.rows import NOT_HERE, ROWS, WAYS, Reason, ways
from tests.contracts.sides import FIVE, bill

REASONS = [(name, way, reason) for name, answers in NOT_HERE.items() for way, reason in answers.items()]
# What holds the table itself, and PayPal's descriptions.
_BESIDE = {"test_rows.py", "test_published.py"}


def _tests() -> dict[str, list[str]]:
    """The rows that each test of this folder names."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        if file.name not in _BESIDE:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    found[f"{file.name}::{node.name}"] = [_row(one) for one in node.decorator_list if _row(one)]
    return found


def _row(decorator: ast.expr) -> str:
    """The row in `@row("...")`; empty for another decorator."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "row":
        return ""
    return str(ast.literal_eval(decorator.args[0]))


def test_each_test_is_of_one_row_and_each_row_has_a_test() -> None:
    tests = _tests()
    assert {name: rows for name, rows in tests.items() if len(rows) != 1} == {}
    assert {rows[0] for rows in tests.values()} == set(ROWS)


def test_the_table_names_what_there_is() -> None:
    assert set(NOT_HERE) <= set(ROWS)
    assert {way for _, way, _ in REASONS} <= set(WAYS)


def test_somebody_has_written_the_other_side_of_each_way() -> None:
    assert set(SIDES) == set(WAYS)
    assert {name: side.name for name, side in SIDES.items()} == {name: name for name in WAYS}


def test_a_row_that_means_something_for_nobody_is_none() -> None:
    assert {name for name in ROWS if not ways(name)} == set()


@pytest.mark.parametrize(("name", "way", "reason"), REASONS, ids=[f"{name}-{way}" for name, way, _ in REASONS])
def test_each_reason_is_true(name: str, way: str, reason: Reason) -> None:
    assert len(reason.why.split()) > 5, "say why"
    assert reason.holds(provider(way)), f"{way} would have an answer to {name!r}"


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ways("asked over the wire")])
def test_where_nobody_outside_is_asked_the_port_says_so(way: str) -> None:
    """What is left of the port for ways of which most is a person's act here, or one transaction."""
    port = provider(way)
    assert port.fetch("r").state == "open"
    assert (port.close("r").state, port.close("r").reason) == ("expired", "not_paid_in_time")
    assert list(port.listing(bill().expires_at.date(), ())) == []
    back = Return("refund:pay:K2M7F5PW:1", "pay:K2M7F5PW:1", FIVE, "K2M7F5PW")
    with pytest.raises(NeedsPerson) as by_whom:
        port.refund(back)
    assert "K2M7F5PW" in by_whom.value.what
    with pytest.raises(LineavivaError) as refusal:
        port.parse_webhook({}, b"{}", bill().expires_at)
    assert (refusal.value.code, refusal.value.status) == ("webhook_unknown", 404)
    if way == "cash":
        assert port.begin(bill(), Urls("", "")) == port.begin(bill(), Urls("", ""))
        assert port.begin(bill(), Urls("", "")).redirect_url == ""
    else:
        with pytest.raises(NeedsPerson):
            port.begin(bill(), Urls("", ""))
