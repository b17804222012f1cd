"""What is told, to a real listener over HTTP: signed, tried again, given up, and to nobody else."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import pytest

from lineaviva.carrier.access.actions import client_disable
from lineaviva.carrier.hub import courier, rules
from lineaviva.carrier.hub.actions import event_publish
from lineaviva.carrier.hub.models import EventDelivery, Listener
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.hub.conftest import OFFERING, Ears
from tests.patience import PATIENCE, slower

Listen = Callable[..., Listener]
SECOND = timedelta(seconds=1)


def publish(now: datetime, identity: str = "summer") -> None:
    resource = {**OFFERING, "id": identity}
    event_publish(operator="tim", api="catalog", event_type="ProductOfferingCreateEvent", resource=resource, now=now)


def states() -> list[tuple[str, int, str]]:
    return list(EventDelivery.objects.order_by("pk").values_list("state", "tries", "answer"))


def test_it_is_told_once_and_signed(listen: Listen, ears: Ears, now: datetime) -> None:
    listener = listen()
    publish(now)
    assert agenda.run_due(now) == 1
    ((path, headers, body),) = ears.heard
    assert (path, headers["Content-Type"]) == ("/hear", "application/json")
    assert headers["Host"] == ears.url.removeprefix("http://")
    assert ears.events == [EventDelivery.objects.get().body]
    at, mac = (part.partition("=")[2] for part in headers["X-Signature"].split(","))
    assert at == str(int(now.timestamp()))
    expected = hmac.new(listener.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(mac, expected)
    assert states() == [("delivered", 1, "answered 204")]
    assert agenda.run_due(now) == 0


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, {}), (503, {}), (404, {}), (401, {}), (302, {"Location": "/elsewhere"}), (307, {"Location": "/elsewhere"})],
)
def test_what_was_not_taken_is_told_again(
    listen: Listen, ears: Ears, clock: FrozenClock, status: int, headers: dict[str, str]
) -> None:
    listen()
    publish(clock.now())
    ears.says(status, **headers)
    agenda.run_due(clock.now())
    assert states() == [("waiting", 1, f"answered {status}")]
    assert EventDelivery.objects.get().look_at == clock.now() + rules.WAITS[0] + SECOND
    assert Listener.objects.get().failures_in_a_row == 1
    ears.says(200)
    clock.advance(rules.WAITS[0] + SECOND)
    agenda.run_due(clock.now())
    assert states() == [("delivered", 2, "answered 200")]
    assert [path for path, _, _ in ears.heard] == ["/hear", "/hear"]
    assert ears.events[0]["eventId"] == ears.events[1]["eventId"]
    assert (Listener.objects.get().failures_in_a_row, Listener.objects.get().quiet_until) == (0, None)


def test_nobody_listens_at_the_address(listen: Listen, ears: Ears, now: datetime) -> None:
    ears.close()
    listen()
    publish(now)
    agenda.run_due(now)
    assert states() == [("waiting", 1, "ConnectError")]


def test_a_dead_listener_is_asked_once_for_all_that_waits(listen: Listen, ears: Ears, clock: FrozenClock) -> None:
    listen()
    ears.says(503)
    for number in range(50):
        publish(clock.now(), str(number))
    agenda.run_due(clock.now())
    assert len(ears.heard) == 1
    assert sorted(EventDelivery.objects.values_list("look_at", flat=True)) == [
        *[clock.now() + rules.WAITS[0]] * 49, clock.now() + rules.WAITS[0] + SECOND,
    ]  # fmt: skip
    clock.advance(rules.WAITS[0])
    agenda.run_due(clock.now())
    assert len(ears.heard) == 2
    ears.says(200)
    clock.advance(rules.WAITS[1] + SECOND)
    agenda.run_due(clock.now())
    assert {state for state, _, _ in states()} == {"delivered"}
    assert len(ears.heard) == 2 + 50


def test_after_three_days_it_is_given_up_and_somebody_told(listen: Listen, ears: Ears, clock: FrozenClock) -> None:
    listen()
    ears.says(500)
    began = clock.now()
    publish(began, "first")
    publish(began, "second")
    for _ in range(60):
        looks = EventDelivery.objects.filter(look_at__isnull=False).values_list("look_at", flat=True)
        if not looks:
            break
        clock.move_to(min(looks))
        agenda.run_due(clock.now())
    listener = Listener.objects.get()
    assert listener.disabled_reason == "failed 11 times in a row: answered 500"
    assert listener.disabled_at is not None
    assert timedelta(days=2, hours=20) < listener.disabled_at - began < timedelta(days=3)
    stuck = [row.stuck_reason for row in agenda.stuck()]
    assert stuck == [f"Permanent: listener {listener.pk} was disabled: failed 11 times in a row: answered 500"]
    assert len(ears.heard) == 11
    assert sorted(state for state, _, _ in states()) == ["given_up", "waiting"]
    publish(clock.now(), "third")
    assert EventDelivery.objects.count() == 2


def test_one_event_that_is_never_taken_holds_up_no_other(listen: Listen, ears: Ears, clock: FrozenClock) -> None:
    listen()

    def picky(handler: BaseHTTPRequestHandler) -> None:
        ears.say(handler, 400 if ears.events[-1]["event"]["productOffering"]["id"] == "poison" else 200)

    ears.answer = picky
    publish(clock.now(), "poison")
    for day in range(6):
        publish(clock.now(), str(day))
        for _ in range(20):
            agenda.run_due(clock.now())
            clock.advance(timedelta(hours=1))
    assert [state for state, _, _ in states()] == ["waiting", *["delivered"] * 6]
    assert [row.stuck_reason for row in agenda.stuck()] == ["Permanent: not delivered in 11 tries: answered 400"]
    assert Listener.objects.get().disabled_at is None


def test_a_listener_that_is_gone_is_believed(listen: Listen, ears: Ears, clock: FrozenClock) -> None:
    listen()
    publish(clock.now())
    ears.says(410)
    agenda.run_due(clock.now())
    assert states() == [("given_up", 1, "answered 410")]
    assert Listener.objects.get().disabled_reason == "it is gone: answered 410"
    assert agenda.stuck() == []


def test_what_waits_for_a_client_that_was_shut_out_is_not_told(listen: Listen, ears: Ears, now: datetime) -> None:
    listen()
    publish(now)
    client_disable(client_id="tim-shop", now=now)
    agenda.run_due(now)
    assert (states(), ears.heard) == ([("given_up", 0, "")], [])


def test_a_listener_that_was_removed_meanwhile(listen: Listen, ears: Ears, now: datetime) -> None:
    listen()
    publish(now)
    Listener.objects.all().delete()
    assert agenda.run_due(now) == 0
    assert ears.heard == []


def test_a_name_that_came_to_mean_this_house_is_not_called(
    listen: Listen, ears: Ears, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(callback="https://shop.test/hear")
    settings.SANDBOX = False
    monkeypatch.setattr(courier.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.168.1.5", 443))])
    publish(now)
    agenda.run_due(now)
    assert states() == [("waiting", 1, "The callback's host has an address that is not public.")]


def test_once_a_day_what_is_old_is_swept(listen: Listen, ears: Ears, clock: FrozenClock) -> None:
    listen()
    publish(clock.now())
    agenda.run_due(clock.now())
    for _ in range(6):
        clock.advance(timedelta(days=1))
        agenda.run_due(clock.now())
    assert EventDelivery.objects.count() == 1
    clock.advance(timedelta(days=2))
    agenda.run_due(clock.now())
    assert EventDelivery.objects.count() == 0
    assert Listener.objects.get().look_at == clock.now() + timedelta(days=1)


# --- the call itself ----------------------------------------------------------------------------------------------


def test_a_listener_that_drips_is_left_when_the_time_is_over(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "WHOLE", 0.6 * slower())
    left = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with suppress(OSError):  # it hangs up
            for number in count():
                handler.wfile.write(f"X-{number}: x\r\n".encode())
                handler.wfile.flush()
                time.sleep(0.1)
        left.set()

    ears.answer = drip
    answer = courier.post(f"{ears.url}/hear", b"{}", {})
    assert (answer.told, answer.text) == (False, "ReadTimeout")
    assert left.wait(PATIENCE)


def test_an_endless_answer_is_not_read(ears: Ears) -> None:
    sent = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(2000):
                handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent.append(1)
        except OSError:
            pass

    ears.answer = endless
    assert courier.post(f"{ears.url}/hear", b"{}", {}) == courier.Answer(True, "answered 200")
    assert len(sent) < 500


@pytest.mark.parametrize(
    "raw",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 9999 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"],
    ids=["nothing", "nonsense", "no status", "a header without end"],
)
def test_answers_that_are_none(ears: Ears, raw: bytes) -> None:
    def odd(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    ears.answer = odd
    answer = courier.post(f"{ears.url}/hear", b"{}", {})
    assert answer.told is False
    assert answer.text


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        (["93.184.216.34"], "93.184.216.34"),
        (["2606:4700::1111", "93.184.216.34"], "2606:4700::1111"),
        (["93.184.216.34", "10.0.0.1"], None),
        (["127.0.0.1"], None),
        (["::1"], None),
        (["169.254.169.254"], None),
        (["::ffff:169.254.169.254"], None),
        (["0.0.0.0"], None),  # noqa: S104 - an address to be refused
        ([], None),
    ],
)
def test_only_public_addresses_are_connected_to(
    settings: Any, monkeypatch: pytest.MonkeyPatch, addresses: list[str], allowed: str | None
) -> None:
    settings.SANDBOX = False
    connected: list[str] = []

    def connect(to: rules.Place, address: str, body: bytes, headers: dict[str, str]) -> int:
        connected.append(address)
        return 200

    found = [(0, 0, 0, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(courier.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(courier, "_post", connect)
    answer = courier.post("https://shop.test/hear", b"{}", {})
    assert connected == ([allowed] if allowed else [])
    assert answer.told is (allowed is not None)


def test_a_name_that_cannot_be_found(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any, **__: Any) -> None:
        raise courier.socket.gaierror("no such name")

    monkeypatch.setattr(courier.socket, "getaddrinfo", nothing)
    assert courier.post("https://shop.test/", b"{}", {}) == courier.Answer(False, "gaierror")
    assert courier.post("https://" + "a" * 70 + ".test/", b"{}", {}).told is False
