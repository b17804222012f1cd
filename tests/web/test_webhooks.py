"""The door for providers: only what is theirs, only once, never too much."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from lineaviva.keeper.payments.models import InboxEvent
from lineaviva.keeper.payments.rules import WEBHOOK_MOST_BYTES
from lineaviva.kernel.agenda.models import RateLimit
from lineaviva.kernel.clock import FrozenClock
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


# --- too many that are not signed -----------------------------------------------------------------------------------


@pytest.fixture
def checked(bank: type[Bank], monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every webhook whose signature was looked at."""
    seen: list[bytes] = []
    check = bank.parse_webhook

    def looked(self: Bank, headers: Any, body: bytes, now: Any) -> Any:
        seen.append(body)
        return check(self, headers, body, now)

    monkeypatch.setattr(bank, "parse_webhook", looked)
    return seen


def test_who_sends_what_nobody_signed_is_not_heard_for_a_while(
    provider: Client, checked: list[bytes], clock: FrozenClock
) -> None:
    answers = [knock(provider).status_code for _ in range(20)]
    assert (answers, len(checked)) == ([400] * 20, 20)
    response = knock(provider, **GOOD)
    assert (response.status_code, response.json()["error"]) == (429, "too_many")
    assert (response.headers["Retry-After"], len(checked), InboxEvent.objects.count()) == ("6", 20, 0)
    assert knock(provider, path="/webhooks/paypal").status_code == 400  # counted apart
    clock.advance(timedelta(seconds=6))
    assert knock(provider, **GOOD).status_code == 200
    assert knock(provider).status_code == 400
    assert knock(provider).status_code == 429


def test_another_address_is_heard_meanwhile_until_all_together_are_too_many(
    provider: Client, checked: list[bytes]
) -> None:
    def knocks(last: int, times: int) -> list[int]:
        return [
            provider.post("/webhooks/stripe", b"{}", "application/json", REMOTE_ADDR=f"192.0.2.{last}").status_code
            for _ in range(times)
        ]

    assert knocks(1, 21) == [*[400] * 20, 429]
    assert knocks(2, 1) == [400]
    RateLimit.objects.filter(name="webhook:stripe").update(full_at=F("full_at") + timedelta(minutes=5))
    assert (knocks(3, 1), len(checked)) == ([429], 21)


def test_what_is_true_is_heard_however_often(provider: Client, checked: list[bytes]) -> None:
    assert {knock(provider, **GOOD).status_code for _ in range(30)} == {200}
    assert not RateLimit.objects.filter(name__startswith="webhook:").exists()
