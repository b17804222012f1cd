"""The pretend outside world: where its parts listen, what they share, what the reader's own settings cannot change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineaviva.sandbox.world import CARRIERS, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, 8000)


def pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(","))


def test_each_part_has_a_port_of_its_own_among_ten(world: World) -> None:
    assert world.ports == [8000, 8001, 8002, 8003, 8004, 8005, 8006, 8009]
    assert (world.es9_port, world.es2_port) == (8005, 8006)


def test_secrets_are_made_once_and_for_the_owner_only(world: World) -> None:
    made = world.secrets()
    assert World(world.home, 9000).secrets() == made
    assert len(set(made.values())) == len(made) == 9
    assert {len(value) for value in made.values()} == {64}
    assert (world.home / "sandbox" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_world_of_an_earlier_version_keeps_its_secrets_and_gets_the_new_ones(world: World) -> None:
    path = world.home / "sandbox" / "secrets.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"stripe": "old"}))
    made = world.secrets()
    assert made["stripe"] == "old"
    assert len(made["progress tim"]) == 64
    assert world.secrets() == made


def test_the_keeper_orders_profiles_at_the_pretend_server(world: World) -> None:
    env = world.keeper_env()
    assert pairs(env["LINEAVIVA_ES2_URLS"]) == dict.fromkeys(CARRIERS, "https://127.0.0.1:8006")
    assert env["LINEAVIVA_ES2_CERTS"] == str(world.home / "sandbox" / "smdp" / "operators")
    assert env["LINEAVIVA_ES2_CA"] == str(world.home / "sandbox" / "smdp" / "certs" / "nist" / "ci.pem")
    assert env["LINEAVIVA_INSTALL_LINK"] == "http://127.0.0.1:8001/phone"


def test_both_sides_know_the_same_app_at_the_pretend_paypal(world: World) -> None:
    keeper, provider = world.keeper_env(), world.provider_env()
    assert keeper["LINEAVIVA_PAYPAL_API_BASE"] == "http://127.0.0.1:8001/paypal"
    for name in ("CLIENT_ID", "SECRET", "WEBHOOK_ID"):
        assert keeper[f"LINEAVIVA_PAYPAL_{name}"] == provider[f"LINEAVIVA_PAYPAL_{name}"] != ""
    # A secret of the reader's own, by file, would count first.
    assert keeper["LINEAVIVA_PAYPAL_SECRET_FILE"] == provider["LINEAVIVA_PAYPAL_SECRET_FILE"] == ""


def test_the_server_reports_where_the_keeper_listens_for_it(world: World) -> None:
    tokens = pairs(world.keeper_env()["LINEAVIVA_ES2_TOKENS"])
    assert len(set(tokens.values())) == 3
    assert pairs(world.smdp_env()["LINEAVIVA_SMDP_OPERATOR_URLS"]) == {
        name: f"http://127.0.0.1:8000/es2plus/{name}/{tokens[name]}" for name in CARRIERS
    }


def test_the_phone_trusts_the_certificates_of_the_server(world: World) -> None:
    assert world.provider_env()["LINEAVIVA_SANDBOX_PHONE_CERTS"] == world.smdp_env()["LINEAVIVA_SMDP_CERTS"]
    assert world.provider_env()["LINEAVIVA_SANDBOX_PHONE"] == str(world.home / "sandbox" / "phone")


def test_the_server_is_one_program_for_all_operators(world: World) -> None:
    assert world.smdp_argv()[1:] == [
        *("-m", "lineaviva.sandbox.smdp", "--port", "8005", "--es2-port", "8006"),
        *("--operators", "tim,vodafone,windtre"),
    ]
    assert world.smdp_env()["LINEAVIVA_SMDP_ADDRESS"] == "127.0.0.1:8005"


@pytest.mark.parametrize(
    "name",
    [
        *("LINEAVIVA_STRIPE_API_KEY_FILE", "LINEAVIVA_STRIPE_WEBHOOK_SECRET_FILE", "LINEAVIVA_TMF_CLIENTS_FILE"),
        *("LINEAVIVA_ES2_TOKENS_FILE", "LINEAVIVA_ES2_PROFILE_TYPES", "LINEAVIVA_ESIMGO_KEY"),
        *("LINEAVIVA_ESIMGO_KEY_FILE", "LINEAVIVA_ESIMGO_BUNDLES"),
    ],
)
def test_what_the_reader_has_set_for_the_real_world_does_not_count_here(world: World, name: str) -> None:
    assert world.keeper_env()[name] == ""


@pytest.mark.parametrize("part", ["provider", "smdp", *CARRIERS])
def test_a_part_has_a_home_and_a_database_of_its_own(world: World, part: str) -> None:
    env = {"provider": world.provider_env, "smdp": world.smdp_env}.get(part, lambda: world.carrier_env(part))()
    assert env["LINEAVIVA_HOME"] == str(world.home / "sandbox" / part)
    assert (env["LINEAVIVA_DATABASE_URL"], env["LINEAVIVA_DATABASE_URL_FILE"]) == ("", "")
    assert env["LINEAVIVA_SANDBOX"] == "yes"


def test_profiles_of_the_pretend_server_are_sealed_with_a_key_of_its_own(world: World) -> None:
    env = world.smdp_env()
    assert (env["LINEAVIVA_SMDP_KEY"], env["LINEAVIVA_SMDP_KEY_FILE"]) == ("", "")
