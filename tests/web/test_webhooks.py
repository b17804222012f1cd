"""The door for providers: only what is theirs, only once, never too much."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.payments.models import InboxEvent
from lineaviva.keeper.payments.rules import WEBHOOK_MOST_BYTES
from tests.web.conftest import Bank, Browser

GOOD = {"stripe-signature": "good"}
TOO_MUCH = b"x" * (WEBHOOK_MOST_BYTES + 1)


def knock(client: Client, body: bytes = b"{}", path: str = "/webhooks/stripe", **headers: str) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


@pytest.fixture
def provider(browser: Browser, bank: type[Bank]) -> Client:
    """Stripe's own client: no cookies, and no token against forged forms."""
    client = browser()
    client.handler.enforce_csrf_checks = True
    return client


def test_a_true_webhook_is_kept_once(provider: Client) -> None:
    for _ in range(2):
        response = knock(provider, **GOOD)
        assert (response.status_code, response.json()) == (200, {"received": True})
    assert list(InboxEvent.objects.values_list("external_id", "state")) == [("evt_1", "new")]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        pytest.param("/webhooks/stripe", b"{}", {}, 400, "webhook_refused", id="unsigned"),
        pytest.param("/webhooks/stripe", b"{}", {"stripe-signature": "bad"}, 400, "webhook_refused", id="forged"),
        pytest.param("/webhooks/nobody", b"{}", GOOD, 404, "webhook_unknown", id="of nobody"),
        pytest.param("/webhooks/stripe", TOO_MUCH, GOOD, 413, "webhook_too_large", id="too large"),
        pytest.param("/webhooks/stripe", TOO_MUCH * 16, GOOD, 413, "webhook_too_large", id="far too large"),
    ],
)
def test_a_false_webhook_leaves_nothing(
    path: str, body: bytes, headers: dict[str, str], status: int, code: str, provider: Client
) -> None:
    response = knock(provider, body, path, **headers)
    assert response.status_code == status
    assert response.json()["error"] == code
    assert InboxEvent.objects.count() == 0


def test_as_much_as_is_taken_is_taken(provider: Client) -> None:
    assert knock(provider, b"x" * WEBHOOK_MOST_BYTES, **GOOD).status_code == 200


def test_it_is_posted(provider: Client) -> None:
    assert provider.get("/webhooks/stripe").status_code == 405


def test_it_opens_no_session(provider: Client) -> None:
    assert knock(provider, **GOOD).cookies == {}
