"""POST /oauth2/token by RFC 6749: what brings a token, and what is refused in which words."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from lineaviva.carrier.access import views
from lineaviva.carrier.access.actions import client_add, client_disable
from lineaviva.carrier.access.models import Token
from lineaviva.carrier.access.queries import caller_by_token
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.doors import OFFERING, Door
from tests.carrier_process import SECRET

GRANT = {"grant_type": "client_credentials"}
IN_FORM = {**GRANT, "client_id": "shop", "client_secret": SECRET}
FORM = "application/x-www-form-urlencoded"


def basic(client_id: str = "shop", secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def ask(form: dict[str, Any] | str, headers: dict[str, str] | None = None, content_type: str = FORM) -> Any:
    from urllib.parse import urlencode

    body = form if isinstance(form, str) else urlencode(form, doseq=True)
    return Browser().generic("POST", "/oauth2/token", body, content_type, headers=headers or {})


@pytest.fixture(autouse=True)
def _shop(db: None, operator: str, now: datetime) -> None:
    client_add(
        operator="tim", name="Shop", scopes=["catalog.read", "order.read"], client_id="shop", secret=SECRET, now=now
    )


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        pytest.param(GRANT, basic(), id="client_secret_basic"),
        pytest.param(GRANT, {"Authorization": basic()["Authorization"].replace("Basic", "bAsIc")}, id="any case"),
        pytest.param(GRANT, basic("%73hop"), id="form-encoded inside"),
        pytest.param(IN_FORM, None, id="client_secret_post"),
        pytest.param({**GRANT, "scope": ""}, basic(), id="an empty scope is none"),
    ],
)
def test_a_token_is_given(door: Door, form: dict[str, str], headers: dict[str, str] | None) -> None:
    answer = ask(form, headers)
    assert answer.status_code == 200
    body = answer.json()
    token = body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "scope": "tim:catalog.read tim:order.read"}
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert door.get(OFFERING, token=token).status_code == 200


def test_less_may_be_asked_for(now: datetime) -> None:
    answer = ask({**GRANT, "scope": "tim:order.read"}, basic()).json()
    assert answer["scope"] == "tim:order.read"
    caller = caller_by_token(answer["access_token"], now)
    assert caller is not None
    assert caller.scopes == {"order.read"}


@pytest.mark.parametrize(
    ("form", "headers", "status", "error"),
    [
        pytest.param(GRANT, None, 401, "invalid_client", id="nobody"),
        pytest.param(GRANT, basic(secret="x" * 64), 401, "invalid_client", id="wrong secret"),
        pytest.param(GRANT, basic(secret=""), 401, "invalid_client", id="no secret"),
        pytest.param(GRANT, basic("nobody"), 401, "invalid_client", id="no such client"),
        pytest.param(GRANT, basic("\0"), 401, "invalid_client", id="no id at all"),
        pytest.param(GRANT, {"Authorization": "Basic ???"}, 401, "invalid_client", id="not base64"),
        pytest.param(GRANT, {"Authorization": "Basic /w=="}, 401, "invalid_client", id="not UTF-8"),
        pytest.param(GRANT, {"Authorization": f"Bearer {SECRET}"}, 401, "invalid_client", id="another scheme"),
        pytest.param({**IN_FORM, "client_secret": "x"}, None, 401, "invalid_client", id="wrong secret in the form"),
        pytest.param(IN_FORM, basic(), 400, "invalid_request", id="named twice"),
        pytest.param({}, basic(), 400, "invalid_request", id="no grant type"),
        pytest.param({"grant_type": ""}, basic(), 400, "invalid_request", id="an empty grant type"),
        pytest.param({"grant_type": "password"}, basic(), 400, "unsupported_grant_type", id="another grant"),
        pytest.param({"grant_type": ["client_credentials"] * 2}, basic(), 400, "invalid_request", id="a field twice"),
        pytest.param({**GRANT, "scope": "tim:hub"}, basic(), 400, "invalid_scope", id="more than it may"),
        pytest.param({**GRANT, "scope": "catalog.read"}, basic(), 400, "invalid_scope", id="no operator in front"),
        pytest.param({**GRANT, "scope": "vodafone:catalog.read"}, basic(), 400, "invalid_scope", id="another operator"),
        pytest.param({**GRANT, "scope": "tim:order.read  x"}, basic(), 400, "invalid_scope", id="nonsense"),
    ],
)
def test_what_is_refused(form: dict[str, Any], headers: dict[str, str] | None, status: int, error: str) -> None:
    answer = ask(form, headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert SECRET not in answer.content.decode()
    assert Token.objects.count() == 0


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_only_a_form_is_read(content_type: str) -> None:
    answer = ask("grant_type=client_credentials", basic(), content_type)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert Token.objects.count() == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post(method: str) -> None:
    answer = Browser().generic(method, "/oauth2/token?grant_type=client_credentials", headers=basic())
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["code"] == "method_not_allowed"


def test_the_query_is_not_read() -> None:
    answer = Browser().post(f"/oauth2/token?grant_type=client_credentials&client_id=shop&client_secret={SECRET}")
    assert answer.status_code in {400, 401}
    assert Token.objects.count() == 0


def test_whoever_is_shut_out_gets_none(now: datetime) -> None:
    client_disable(client_id="shop", now=now)
    answer = ask(GRANT, basic())
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_too_many_a_minute_come_back_later(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "BURST", 2)
    assert [ask(GRANT, basic()).status_code for _ in range(3)] == [200, 200, 429]
    answer = ask(GRANT, basic())
    assert (answer.headers["Retry-After"], answer.json()["error"]) == ("1", "invalid_request")
    clock.advance(timedelta(seconds=1))
    assert ask(GRANT, basic()).status_code == 200
    assert Token.objects.count() == 3


def test_an_address_beside_it(door: Door) -> None:
    answer = Browser().get("/oauth2/authorize")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
