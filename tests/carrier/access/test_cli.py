"""`lineaviva carrier clients`: a secret is shown once, and what cannot be undone is asked about."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from lineaviva.carrier.access.actions import client_add
from lineaviva.carrier.access.models import Client
from lineaviva.carrier.access.queries import client_by_secret
from lineaviva.carrier.access.rules import RESELLER, SCOPES
from lineaviva.cli.carrier import app
from lineaviva.kernel.errors import LineavivaError

pytestmark = pytest.mark.django_db


def run(*words: str, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["clients", *words], input=answer)
    if isinstance(result.exception, LineavivaError):
        raise result.exception
    return result.exit_code, result.output


def run_json(*words: str) -> Any:
    code, text = run(*words, "--json")
    assert code == 0
    return json.loads(text)


@pytest.fixture
def shop(now: datetime) -> tuple[Client, str]:
    return client_add(operator="tim", name="Shop", client_id="shop", now=now)


def test_a_client_is_added_and_its_secret_shown_once() -> None:
    made = run_json("add", "Corner shop", "--operator", "tim")
    assert (made["name"], made["operator"], made["scopes"]) == ("Corner shop", "tim", list(RESELLER))
    client = client_by_secret(made["client_id"], made["client_secret"])
    assert client is not None
    code, text = run("list")
    assert (code, "Corner shop" in text, made["client_secret"] in text) == (0, True, False)


def test_a_client_for_people_to_read() -> None:
    code, text = run(
        "add", "Shop", "--operator", "tim", "--client-id", "shop", "--scope", "hub", "--scope", "tim:order.read"
    )
    assert code == 0
    secret = next(line.split()[-1] for line in text.splitlines() if "secret" in line)
    client = client_by_secret("shop", secret)
    assert client is not None
    assert client.scopes == "order.read hub"
    assert "shown this once" in text


def test_everything_may_be_allowed() -> None:
    assert run_json("add", "Ours", "--operator", "tim", "--scope", "all")["scopes"] == list(SCOPES)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(("add", "Shop"), "operator_missing", id="no operator"),
        pytest.param(("add", "Shop", "--operator", "sip"), "operator_unknown", id="unknown operator"),
        pytest.param(("add", "Shop", "--operator", "tim", "--scope", "root"), "scope_unknown", id="unknown scope"),
        pytest.param(("add", "", "--operator", "tim"), "name_missing", id="no name"),
        pytest.param(("rotate", "nobody", "--yes"), "client_unknown", id="rotate nobody"),
        pytest.param(("disable", "nobody", "--yes"), "client_unknown", id="disable nobody"),
    ],
)
def test_what_is_refused_changes_nothing(words: tuple[str, ...], code: str) -> None:
    with pytest.raises(LineavivaError) as refusal:
        run(*words)
    assert refusal.value.code == code
    assert not Client.objects.exists()


def test_the_operator_of_the_settings_counts(settings: Any) -> None:
    settings.CARRIER_OPERATOR = "vodafone"
    assert run_json("add", "Shop")["operator"] == "vodafone"


def test_clients_are_listed(shop: tuple[Client, str], now: datetime) -> None:
    client_add(operator="vodafone", name="Other", client_id="other", now=now)
    found = run_json("list")["clients"]
    assert [(one["operator"], one["client_id"], one["disabled_at"]) for one in found] == [
        ("tim", "shop", None), ("vodafone", "other", None),
    ]  # fmt: skip
    assert set(found[0]) == {
        "client_id", "name", "operator", "scopes", "created_at", "secret_at", "disabled_at",
    }  # fmt: skip
    assert [one["client_id"] for one in run_json("list", "--operator", "tim")["clients"]] == ["shop"]


def test_there_is_none() -> None:
    assert run("list") == (0, "There is no client.\n")


def test_shutting_out_is_asked_about(shop: tuple[Client, str]) -> None:
    code, text = run("disable", "shop", answer="n\n")
    assert (code, "for good?" in text) == (1, True)
    assert client_by_secret("shop", shop[1]) is not None
    code, text = run("disable", "shop", answer="y\n")
    assert (code, "shut out" in text) == (0, True)
    assert client_by_secret("shop", shop[1]) is None
    assert run_json("disable", "shop", "--yes")["disabled_at"] is not None


def test_another_secret_is_asked_about(shop: tuple[Client, str]) -> None:
    code, _ = run("rotate", "shop", answer="n\n")
    assert code == 1
    assert client_by_secret("shop", shop[1]) is not None
    made = run_json("rotate", "shop", "--yes")
    assert client_by_secret("shop", shop[1]) is None
    assert client_by_secret("shop", made["client_secret"]) is not None


def test_help_shows_an_example() -> None:
    for command in ("add", "list", "disable", "rotate"):
        code, text = run(command, "--help")
        assert (code, "Example" in text) == (0, True)
