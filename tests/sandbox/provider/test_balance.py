"""The pretend bank's list of what moved money, held against Stripe's description."""

from __future__ import annotations

import pytest

from tests.patience import until
from tests.sandbox.provider.process import AUTH, Bank, http
from tests.sandbox.provider.schemas import check_reply
from tests.sandbox.provider.test_api import get, paid, post, refused

pytestmark = pytest.mark.processes


def test_what_moved_money_and_what_was_kept_of_it(bank: Bank) -> None:
    charge = paid(bank)["payment_intent"]["latest_charge"]["id"]
    paid(bank, "4000000000000002")
    failing = paid(bank, "4000000000005126")["payment_intent"]["latest_charge"]["id"]
    refund = post(bank, "refunds", {"charge": charge, "amount": "200"}).json()["id"]
    failed = post(bank, "refunds", {"charge": failing}).json()["id"]
    bank.knobs(clock_shift_seconds=10)
    until(lambda: len(bank.money()["refunds"]) == 1)
    lines = get(bank, "balance_transactions", limit="100")["data"]
    for line in lines:
        check_reply(line)
    assert sorted((line["type"], line["source"], line["amount"], line["fee"], line["net"]) for line in lines) == sorted(
        [
            ("charge", charge, 500, 33, 467),
            ("charge", failing, 500, 33, 467),
            ("refund", refund, -200, 0, -200),
            ("refund", failed, -500, 0, -500),
            ("refund_failure", failed, 500, 0, 500),
        ]
    )
    assert [line["created"] for line in lines] == sorted((line["created"] for line in lines), reverse=True)
    [expanded] = get(bank, "balance_transactions", limit="1", **{"expand[]": "data.source"})["data"]
    assert (expanded["id"], expanded["source"]["id"]) == (lines[0]["id"], lines[0]["source"])
    check_reply(expanded)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"expand[]": "data.charge"}, 400),
        ({"starting_after": "txn_x"}, 404),
        ({"created[gt]": "1"}, 400),
        ({"payout": "po_1"}, 400),
        ({"limit": "x"}, 400),
    ],
    ids=str,
)
def test_what_is_no_question_about_money(bank: Bank, query: dict[str, str], status: int) -> None:
    refused(http.get(f"{bank.url}/v1/balance_transactions", params=query, auth=AUTH), status)
