"""Clients are let in, given another secret and shut out; a token is worth as much as its client."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.access import rules
from lineaviva.carrier.access.actions import client_add, client_disable, client_ensure, client_rotate, token_issue
from lineaviva.carrier.access.models import Client, Token
from lineaviva.carrier.access.queries import caller_by_token, client_by_secret, clients_listed
from lineaviva.carrier.access.rules import Caller
from lineaviva.kernel.errors import Conflict, LineavivaError, NotFound
from tests.carrier_process import SECRET

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def add(now: datetime, **changes: Any) -> tuple[Client, str]:
    return client_add(**{"operator": "tim", "name": "Corner shop", "now": now, **changes})


def token_of(client: Client, now: datetime) -> str:
    return token_issue(client=client, scopes=("catalog.read",), now=now)


def test_a_client_is_known_by_its_secret_and_no_secret_is_kept(now: datetime) -> None:
    client, secret = add(now)
    assert client.client_id.startswith("tim-")
    assert (client.scopes, client.disabled_at) == (" ".join(rules.RESELLER), None)
    assert client_by_secret(client.client_id, secret) == client
    kept = [str(value) for row in Client.objects.values() for value in row.values()]
    assert not any(secret in value for value in kept)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"operator": "sip"}, "operator_unknown", id="unknown operator"),
        pytest.param({"name": " "}, "name_missing", id="no name"),
        pytest.param({"name": "x" * 81}, "name_missing", id="a name without end"),
        pytest.param({"scopes": ["root"]}, "scope_unknown", id="unknown scope"),
        pytest.param({"scopes": []}, "scope_unknown", id="no scope"),
        pytest.param({"client_id": "A!"}, "client_id_invalid", id="no id"),
        pytest.param({"client_id": "taken"}, "client_exists", id="an id that is taken"),
        pytest.param({"secret": "hunter2"}, "secret_weak", id="a secret that a person made up"),
    ],
)
def test_who_is_not_let_in(now: datetime, changes: dict[str, Any], code: str) -> None:
    add(now, operator="vodafone", client_id="taken")
    with pytest.raises(LineavivaError) as refusal:
        add(now, **changes)
    assert refusal.value.code == code
    assert list(Client.objects.values_list("client_id", "operator")) == [("taken", "vodafone")]


@pytest.mark.parametrize("client_id", ["", "nobody", "\0", "x" * 500])
def test_nobody_is_known_by_a_wrong_id(now: datetime, client_id: str) -> None:
    _, secret = add(now)
    assert client_by_secret(client_id, secret) is None
    assert client_by_secret(client_id, "") is None


def test_a_token_says_who_it_was_given_to_for_an_hour(now: datetime) -> None:
    client, _ = add(now)
    token = token_of(client, now)
    caller = Caller(client.client_id, "tim", frozenset({"catalog.read"}))
    assert caller_by_token(token, now) == caller
    assert caller_by_token(token, now + HOUR - timedelta(seconds=1)) == caller
    assert caller_by_token(token, now + HOUR) is None
    assert caller_by_token(token + "x", now) is None
    assert not Token.objects.filter(token_hash__contains=token).exists()


def test_a_call_costs_one_read(now: datetime, django_assert_num_queries: Any) -> None:
    client, _ = add(now)
    token = token_of(client, now)
    with django_assert_num_queries(1):
        caller_by_token(token, now)


def test_expired_tokens_go_with_the_next_one(now: datetime) -> None:
    client, _ = add(now)
    other, _ = add(now, name="Other")
    for at in (now, now + HOUR / 2, now + HOUR):
        token_of(client, at)
    token_of(other, now)
    assert list(client.tokens.order_by("expires_at").values_list("expires_at", flat=True)) == [
        now + HOUR + HOUR / 2, now + 2 * HOUR,
    ]  # fmt: skip
    assert other.tokens.count() == 1


def test_whoever_is_shut_out_is_out_at_once_and_nobody_else_is(now: datetime) -> None:
    client, secret = add(now)
    other, other_secret = add(now, name="Other")
    token, others = token_of(client, now), token_of(other, now)
    assert client_disable(client_id=client.client_id, now=now).disabled_at == now
    assert client_disable(client_id=client.client_id, now=now + HOUR).disabled_at == now
    assert caller_by_token(token, now) is None
    assert client_by_secret(client.client_id, secret) is None
    assert caller_by_token(others, now) is not None
    assert client_by_secret(other.client_id, other_secret) == other


def test_disabling_counts_by_itself_too(now: datetime) -> None:
    """Should a token be written at the very moment: its client is looked at with every call."""
    client, _ = add(now)
    token = token_of(client, now)
    Client.objects.update(disabled_at=now)
    assert caller_by_token(token, now) is None


def test_another_secret_ends_the_old_one_and_its_tokens(now: datetime) -> None:
    client, old = add(now)
    token = token_of(client, now)
    stale = Client.objects.get()
    client, new = client_rotate(client_id=client.client_id, now=now + HOUR)
    assert (client_by_secret(client.client_id, old), client_by_secret(client.client_id, new)) == (None, client)
    assert client.secret_at == now + HOUR
    assert caller_by_token(token, now) is None
    with pytest.raises(Conflict) as refusal:
        token_of(stale, now)
    assert refusal.value.code == "client_changed"
    assert Token.objects.count() == 0


def test_whoever_is_shut_out_gets_no_secret(now: datetime) -> None:
    client, _ = add(now)
    client_disable(client_id=client.client_id, now=now)
    before = Client.objects.values().get()
    with pytest.raises(Conflict) as refusal:
        client_rotate(client_id=client.client_id, now=now)
    assert refusal.value.code == "client_disabled"
    assert Client.objects.values().get() == before


def test_who_is_not_there(now: datetime) -> None:
    for act in (client_rotate, client_disable):
        with pytest.raises(NotFound):
            act(client_id="nobody", now=now)


def test_a_client_of_the_settings_is_made_once_and_brought_to_them(now: datetime) -> None:
    def ensure(secret: str, at: datetime) -> None:
        client_ensure(operator="tim", client_id="keeper", secret=secret, name="Keeper", now=at)

    ensure(SECRET, now)
    before = Client.objects.values().get()
    ensure(SECRET, now + HOUR)
    assert Client.objects.values().get() == before
    other = rules.secret_made()
    ensure(other, now + HOUR)
    assert (client_by_secret("keeper", SECRET), client_by_secret("keeper", other)) == (None, Client.objects.get())
    with pytest.raises(LineavivaError) as refusal:
        ensure("short", now)
    assert refusal.value.code == "secret_weak"


def test_clients_are_listed_by_operator(now: datetime) -> None:
    for operator, client_id in (("vodafone", "aaa"), ("tim", "ccc"), ("tim", "bbb")):
        add(now, operator=operator, client_id=client_id)
    assert [client.client_id for client in clients_listed()] == ["bbb", "ccc", "aaa"]
    assert [client.client_id for client in clients_listed("vodafone")] == ["aaa"]
