"""A token is fetched once and kept; whatever is answered, it is one of four errors or a token."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import NeedsPerson, Temporary
from lineaviva.kernel.oauth import Client, Tokens
from tests.patience import PATIENCE

TIM = Client("http://tim.test/base/", "keeper", "a secret: with % and colon")


class Endpoint:
    """Gives token-1, token-2 and so on, or what `answer` says."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None, **changes: Any) -> None:
        self.asked: list[httpx.Request] = []
        self._answer, self._changes = answer, changes

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self._answer:
            return self._answer(request)
        plain = {"access_token": f"token-{len(self.asked)}", "token_type": "bearer", "expires_in": 3600}
        return httpx.Response(200, json={**plain, **self._changes})

    def tokens(self) -> Tokens:
        return Tokens(httpx.MockTransport(self))


def says(status: int, body: Any = None, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=body, headers=headers)


def test_it_is_asked_for_as_the_rfc_says(clock: FrozenClock) -> None:
    endpoint = Endpoint()
    assert endpoint.tokens().token(TIM) == "token-1"
    (request,) = endpoint.asked
    assert (request.method, str(request.url)) == ("POST", "http://tim.test/base/oauth2/token")
    assert request.content == b"grant_type=client_credentials"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    kind, _, encoded = request.headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(encoded).decode()) == ("Basic", "keeper:a secret: with % and colon")


def test_it_is_kept_until_shortly_before_it_ends(clock: FrozenClock) -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens()
    assert [tokens.token(TIM) for _ in range(3)] == ["token-1"] * 3
    clock.advance(timedelta(minutes=58, seconds=59))
    assert tokens.token(TIM) == "token-1"
    clock.advance(timedelta(seconds=1))
    assert tokens.token(TIM) == "token-2"


@pytest.mark.parametrize("life", [0, 60, None, -5, "3600", 10**9, True])
def test_a_life_that_is_none_is_not_relied_on(clock: FrozenClock, life: Any) -> None:
    tokens = Endpoint(expires_in=life).tokens()
    assert [tokens.token(TIM) for _ in range(2)] == ["token-1", "token-2"]


def test_each_client_has_its_own(clock: FrozenClock) -> None:
    tokens = Endpoint().tokens()
    other = Client(TIM.url, "keeper", "another secret")
    assert [tokens.token(one) for one in (TIM, other, TIM, other)] == ["token-1", "token-2", "token-1", "token-2"]


def test_one_that_was_refused_is_replaced_once_for_all(clock: FrozenClock) -> None:
    tokens = Endpoint().tokens()
    old = tokens.token(TIM)
    assert [tokens.token(TIM, renew=old) for _ in range(3)] == ["token-2"] * 3
    assert tokens.token(TIM) == "token-2"


def test_a_call_is_made_again_with_another_token_but_once(clock: FrozenClock) -> None:
    endpoint, sent = Endpoint(), []

    def send(token: str) -> int:
        sent.append(token)
        return 401

    assert endpoint.tokens().authorized(TIM, send, lambda status: status == 401) == 401
    assert sent == ["token-1", "token-2"]
    sent.clear()
    assert endpoint.tokens().authorized(TIM, send, lambda status: False) == 401
    assert sent == ["token-3"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(says(500), "the answer was 500", id="500"),
        pytest.param(says(503, {"error": "temporarily_unavailable"}), "the answer was 503", id="503"),
        pytest.param(says(429, {"error": "invalid_request"}), "the answer was 429", id="too many"),
    ],
)
def test_what_may_work_later(clock: FrozenClock, answer: Any, reason: str) -> None:
    endpoint = Endpoint(answer)
    with pytest.raises(Temporary, match=reason):
        endpoint.tokens().token(TIM)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError]
)
def test_what_was_not_answered_may_work_later(clock: FrozenClock, error: type[Exception]) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise error("broken")

    with pytest.raises(Temporary, match=error.__name__):
        Endpoint(broken).tokens().token(TIM)


@pytest.mark.parametrize("url", ["http://[", "nonsense", "", "ftp://tim.test"])
def test_an_address_that_is_none(clock: FrozenClock, url: str) -> None:
    with pytest.raises(Temporary):
        Tokens().token(Client(url, "keeper", "x"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(says(401, {"error": "invalid_client"}), r"no token \(invalid_client\)", id="refused"),
        pytest.param(says(400, {"error": "invalid_scope"}), r"no token \(invalid_scope\)", id="no such scope"),
        pytest.param(says(404), r"the answer was 404", id="not there"),
        pytest.param(says(302, None, Location="/"), r"the answer was 302", id="elsewhere"),
        pytest.param(says(200, {"token_type": "Bearer"}), "something else", id="no token"),
        pytest.param(says(200, {"access_token": 5, "token_type": "Bearer"}), "something else", id="a number"),
        pytest.param(says(200, {"access_token": "a\nb", "token_type": "Bearer"}), "something else", id="two lines"),
        pytest.param(says(200, {"access_token": "é", "token_type": "Bearer"}), "something else", id="no header's text"),
        pytest.param(says(200, {"access_token": "x", "token_type": "mac"}), "something else", id="no bearer token"),
        pytest.param(says(200, []), "something else", id="a list"),
        pytest.param(lambda _: httpx.Response(200, text="<html>"), "something else", id="a page"),
        pytest.param(lambda _: httpx.Response(200, content=b"[" * 70_000), "something else", id="without end"),
    ],
)
def test_what_a_person_must_mend(clock: FrozenClock, answer: Any, words: str) -> None:
    with pytest.raises(NeedsPerson, match=words) as refusal:
        Endpoint(answer).tokens().token(TIM)
    assert TIM.secret not in str(refusal.value)


def test_after_a_failure_it_is_asked_for_again(clock: FrozenClock) -> None:
    answers = iter([says(500), says(200, {"access_token": "x", "token_type": "Bearer", "expires_in": 100})])
    tokens = Endpoint(lambda request: next(answers)(request)).tokens()
    with pytest.raises(Temporary):
        tokens.token(TIM)
    assert tokens.token(TIM) == "x"


@pytest.mark.parametrize("status", [200, 503])
def test_threads_that_want_one_together_ask_once(clock: FrozenClock, status: int) -> None:
    """One thread's answer is everybody's, be it a token or that there is none."""
    waiting, go = threading.Semaphore(0), threading.Event()

    def slow(_: httpx.Request) -> httpx.Response:
        waiting.release()
        assert go.wait(PATIENCE)
        return httpx.Response(status, json={"access_token": "x", "token_type": "Bearer", "expires_in": 600})

    endpoint = Endpoint(slow)
    tokens = endpoint.tokens()

    def fetch() -> str:
        try:
            return tokens.token(TIM)
        except Temporary:
            return "none"

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(fetch) for _ in range(8)]
        assert waiting.acquire(timeout=PATIENCE)
        while tokens._locks[TIM].acquire(blocking=False):  # pragma: no cover - until the first one holds it
            tokens._locks[TIM].release()
        # All eight are at the lock or past it before the answer comes.
        threading.Event().wait(0.2)
        go.set()
        assert {one.result(PATIENCE) for one in asked} == ({"x"} if status == 200 else {"none"})
    assert len(endpoint.asked) == 1


def test_a_secret_is_not_shown() -> None:
    assert TIM.secret not in repr(TIM)
