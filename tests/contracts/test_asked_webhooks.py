"""What every provider must make of its webhooks: what they are about, and which are not its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lineaviva.keeper.payments.ports import Begun, PaymentProvider
from lineaviva.kernel.errors import InvalidInput
from tests.conftest import NOON
from tests.contracts.rows import row
from tests.contracts.sides import URLS, Outside, Webhook, bill

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("published")]


# --- webhooks ---------------------------------------------------------------------------------------------------


@row("its webhooks")
def test_a_webhook_says_what_to_ask_about(port: PaymentProvider, side: Outside) -> None:
    begun = port.begin(bill(), URLS)
    headers, body = side.webhook(begun, "event_1")
    hint = port.parse_webhook(headers, body, NOON)
    assert (hint.external_id, hint.about, hint.reference) == ("event_1", "payment", begun.reference)
    assert port.parse_webhook(headers, body, NOON) == hint
    assert hint.kind


@row("its webhooks")
def test_a_webhook_of_no_interest(port: PaymentProvider, side: Outside) -> None:
    assert port.parse_webhook(*side.other_webhook(), NOON).about == "nothing"


def _forged(side: Outside, begun: Begun) -> Mapping[str, Webhook]:
    headers, body = side.webhook(begun, "event_1")
    return {
        "another secret": side.webhook(begun, "event_1", secret="another"),
        "another body": (headers, body.replace(b"event_1", b"event_2")),
        "no headers": ({}, body),
        "too old": side.webhook(begun, "event_1", age=side.too_old),
        "empty": (headers, b""),
        "broken": (headers, b"{"),
    }


@row("its webhooks")
@pytest.mark.parametrize("how", ["another secret", "another body", "no headers", "too old", "empty", "broken"])
def test_a_forged_webhook(port: PaymentProvider, side: Outside, how: str) -> None:
    headers, body = _forged(side, port.begin(bill(), URLS))[how]
    with pytest.raises(InvalidInput) as refusal:
        port.parse_webhook(headers, body, NOON)
    assert refusal.value.status == 400
