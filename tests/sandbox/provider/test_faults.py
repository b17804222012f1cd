"""Knobs: set over HTTP, kept over a restart, refused with a sentence; and the faults that they make."""

from __future__ import annotations

import time

import httpx
import pytest

from lineaviva.sandbox.provider.knobs import DEFAULTS
from tests.sandbox.provider.process import AUTH, SESSION, Bank, http
from tests.sandbox.provider.schemas import check_reply
from tests.sandbox.provider.test_api import create, post

pytestmark = pytest.mark.processes


def test_all_knobs_are_off_at_first(bank: Bank) -> None:
    found = http.get(f"{bank.url}/sandbox/knobs").json()
    assert found == DEFAULTS
    assert {name for name, value in found.items() if value} == {"webhook_late_seconds"}


def test_some_are_set_and_the_others_stay(bank: Bank) -> None:
    bank.knobs(error_percent=20)
    assert bank.knobs(latency_ms=5) == {**DEFAULTS, "error_percent": 20, "latency_ms": 5}
    assert bank.knobs() == {**DEFAULTS, "error_percent": 20, "latency_ms": 5}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "This is not JSON."),
        (b"{", "This is not JSON."),
        (b"\xff", "This is not JSON."),
        (b"[]", "Send a JSON object of knobs."),
        (b'"error_percent"', "Send a JSON object of knobs."),
        (b'{"colour": 1}', "There is no knob 'colour'"),
        (b'{"error_percent": "20"}', "error_percent is a whole number."),
        (b'{"error_percent": 2.5}', "error_percent is a whole number."),
        (b'{"error_percent": true}', "error_percent is a whole number."),
        (b'{"error_percent": null}', "error_percent is a whole number."),
        (b'{"error_percent": 101}', "error_percent is from 0 to 100."),
        (b'{"error_percent": -1}', "error_percent is from 0 to 100."),
        (b'{"latency_ms": -1}', "latency_ms is from 0 to 3600000."),
        (b'{"error_percent": 20, "colour": 1}', "There is no knob 'colour'"),
    ],
)
def test_a_knob_that_does_not_turn(bank: Bank, body: bytes, says: str) -> None:
    answer = http.post(f"{bank.url}/sandbox/knobs", content=body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert bank.knobs() == DEFAULTS


def test_an_error_is_before_any_work(bank: Bank) -> None:
    bank.knobs(error_percent=100)
    answer = post(bank, "checkout/sessions", SESSION, key="k1")
    assert answer.status_code == 503
    check_reply(answer.json(), "error")
    bank.knobs(error_percent=0)
    assert post(bank, "checkout/sessions", {**SESSION, "locale": "it"}, key="k1").status_code == 200


def test_a_lost_answer_is_after_the_work(bank: Bank) -> None:
    bank.knobs(lost_answer_percent=100)
    with pytest.raises(httpx.RemoteProtocolError):
        post(bank, "checkout/sessions", SESSION, key="k1")
    bank.knobs(lost_answer_percent=0)
    answer = post(bank, "checkout/sessions", {**SESSION, "locale": "it"}, key="k1")
    assert answer.json()["error"]["type"] == "idempotency_error", "the key was used"


def test_a_share_of_calls_fails(bank: Bank) -> None:
    bank.knobs(error_percent=50)
    answers = [http.get(f"{bank.url}/v1/charges", auth=AUTH).status_code for _ in range(60)]
    assert set(answers) == {200, 503}
    assert 10 < answers.count(503) < 50


def test_answers_take_their_time(bank: Bank) -> None:
    bank.knobs(latency_ms=150)
    began = time.monotonic()
    http.get(f"{bank.url}/v1/charges", auth=AUTH)
    assert time.monotonic() - began >= 0.15


def test_pages_knobs_and_lists_work_while_the_api_fails(bank: Bank) -> None:
    session = create(bank)
    bank.knobs(error_percent=100, lost_answer_percent=100)
    assert http.get(session["url"]).status_code == 200
    assert http.get(f"{bank.url}/sandbox/list").status_code == 200
    assert http.get(f"{bank.url}/sandbox/knobs").status_code == 200
    assert http.get(bank.url).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "sandbox/knobs"), ("POST", "sandbox/list"), ("GET", "sandbox/forget"), ("POST", "")]
)
def test_other_methods_are_refused(bank: Bank, method: str, path: str) -> None:
    assert http.request(method, f"{bank.url}/{path}").status_code in {403, 405}


def test_forgetting_is_of_everything(bank: Bank) -> None:
    session = create(bank)
    http.post(session["url"], data={"card": "4242424242424242"})
    bank.knobs(error_percent=1)
    bank.forget()
    assert bank.money() == {"charges": [], "refunds": [], "collected": 0, "refunded": 0}
    assert bank.knobs() == DEFAULTS
    assert http.get(session["url"]).status_code == 404
