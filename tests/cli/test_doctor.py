"""What the doctor says of a healthy installation and of each thing that can be wrong with one."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from django.db import connection
from pytest_django import Settings

from lineaviva.cli import doctor
from lineaviva.cli.demo import free_port
from lineaviva.cli.doctor import Check
from lineaviva.keeper.catalogue.actions import catalogue_refresh
from lineaviva.keeper.catalogue.models import CatalogueSource
from lineaviva.keeper.receipts import pdf
from lineaviva.kernel.clock import FrozenClock
from tests.cli.conftest import Command
from tests.conftest import NOON
from tests.keeper.catalogue.conftest import CLIENT, Carrier, carrier

__all__ = ["carrier"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def smtp(settings: Settings) -> Iterator[str]:
    """A mail server that takes everything."""
    server = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield f"127.0.0.1:{server.port}"
    server.stop()


# --- the command --------------------------------------------------------------------------------------------------


def test_a_new_home_is_told_what_to_do(lineaviva: Command) -> None:
    ran = lineaviva("doctor", "--json", LINEAVIVA_SMTP_PORT="9", LINEAVIVA_SPELING="x")

    assert (ran.code, ran.json["ok"]) == (1, False)
    found = {(check["name"], check["state"]): check for check in ran.json["checks"]}
    assert found["database", "fail"]["do"] == "lineaviva migrate"
    assert found["smtp", "fail"]["detail"] == "127.0.0.1:9 did not take us: ConnectionRefusedError."
    assert found["settings", "warn"]["detail"] == "Nothing reads LINEAVIVA_SPELING."
    for name in ("settings", "secret key", "clock", "rulebook", "fonts", "disk"):
        assert (name, "ok") in found
    assert ("worker", "ok") not in found  # nothing is said of rows that cannot be read


def test_a_healthy_one(installed: Command, smtp: str, carrier: Carrier) -> None:
    env = {
        "LINEAVIVA_SMTP_PORT": smtp.rpartition(":")[2],
        "LINEAVIVA_TMF_URLS": f"tim={carrier.url}",
        "LINEAVIVA_TMF_CLIENTS": f"tim={CLIENT[0]}:{CLIENT[1]}",
        "LINEAVIVA_STRIPE_API_KEY": "sk_test_1",
        "LINEAVIVA_STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    assert installed("catalogue", "refresh", **env).code == 0

    ran = installed("doctor", "--json", **env)

    assert {check["state"] for check in ran.json["checks"]} == {"ok"}
    assert [check["name"] for check in ran.json["checks"]] == [
        *("settings", "secret key", "database", "smtp", "clock", "rulebook", "fonts", "disk", "payments"),
        *("carrier tim", "worker", "stuck", "catalogue"),
    ]
    assert (ran.code, ran.json["ok"]) == (0, True)
    assert "sk_test_1" not in ran.out


def test_a_setting_that_cannot_be_read_is_one_line(lineaviva: Command) -> None:
    ran = lineaviva("doctor", "--json", LINEAVIVA_SMTP_PORT="many")

    assert ran.code == 1
    assert ran.json["checks"] == [
        {
            "name": "settings",
            "state": "fail",
            "detail": "LINEAVIVA_SMTP_PORT must be a whole number, not 'many'.",
            "do": "Set it as docs/settings.md says.",
        }
    ]


def test_a_database_that_is_not_there(lineaviva: Command) -> None:
    ran = lineaviva("doctor", "--json", LINEAVIVA_DATABASE_URL="postgresql://anna:hidden@127.0.0.1:9/none")

    (database,) = [check for check in ran.json["checks"] if check["name"] == "database"]
    assert (ran.code, database["state"]) == (1, "fail")
    assert "hidden" not in ran.out


# --- settings and files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "hosts", "state", "words"),
    [
        pytest.param("http://127.0.0.1:8000", ["127.0.0.1"], "ok", "Reached as", id="at home"),
        pytest.param("https://lv.example", ["lv.example"], "ok", "Reached as", id="in public"),
        pytest.param("https://lv.example", ["127.0.0.1"], "fail", "would be refused", id="a host that is not allowed"),
        pytest.param("https://lv.example", ["*"], "ok", "Reached as", id="every host"),
        pytest.param("http://lv.example", ["lv.example"], "fail", "not encrypted", id="in public without TLS"),
    ],
)
def test_the_public_address(url: str, hosts: list[str], state: str, words: str, settings: Settings) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts

    first = next(doctor.check_settings())

    assert first.state == state
    assert words in first.detail


@pytest.mark.parametrize(
    ("key", "mode", "state"),
    [("k" * 40, 0o600, "ok"), ("k" * 40, 0o640, "fail"), ("k" * 40, None, "ok"), ("k" * 31, 0o600, "fail")],
)
def test_the_secret_key(key: str, mode: int | None, state: str, settings: Settings, tmp_path: Path) -> None:
    settings.SECRET_KEY, settings.HOME = key, tmp_path
    if mode is not None:
        (tmp_path / "secret.key").write_text(key)
        (tmp_path / "secret.key").chmod(mode)

    assert doctor.check_key().state == state


@pytest.mark.parametrize(("free", "state"), [(3 * 1024**3, "ok"), (1024**3, "warn"), (100 * 1024**2, "fail")])
def test_room_on_the_disk(free: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, free))

    assert doctor.check_disk().state == state


def test_fonts_that_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pdf, "FONTS", tmp_path)

    found = doctor.check_fonts()

    assert found.state == "fail"
    assert "NotoSansCJKsc-Regular.otf" in found.detail


@pytest.mark.parametrize(
    ("key", "webhook", "url", "state"),
    [
        pytest.param("", "", "https://lv.example", "warn", id="cash only"),
        pytest.param("sk_live_1", "", "https://lv.example", "warn", id="no webhook secret"),
        pytest.param("sk_test_1", "whsec_1", "https://lv.example", "warn", id="a test key in public"),
        pytest.param("sk_test_1", "whsec_1", "http://127.0.0.1:8000", "ok", id="a test key at home"),
        pytest.param("sk_live_1", "whsec_1", "https://lv.example", "ok", id="live"),
    ],
)
def test_payments(key: str, webhook: str, url: str, state: str, settings: Settings) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET, settings.PUBLIC_URL = key, webhook, url

    assert doctor.check_payments().state == state


@pytest.mark.parametrize(
    ("changed", "state", "said"),
    [
        ({}, "ok", "Cards, PayPal and cash."),
        ({"STRIPE_API_KEY": ""}, "ok", "PayPal and cash."),
        ({"PAYPAL_WEBHOOK_ID": ""}, "warn", "Cards, PayPal and cash; webhooks of PayPal cannot be believed."),
        ({"PAYPAL_SECRET": ""}, "warn", "Cards and cash; PayPal is set up by half."),
        ({"PAYPAL_CLIENT_ID": "", "PAYPAL_SECRET": ""}, "ok", "Cards and cash."),
        (
            {"PAYPAL_API_BASE": "https://api-m.sandbox.paypal.com"},
            "warn",
            "PayPal by its test accounts: nobody is charged.",
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_paypal(changed: dict[str, str], state: str, said: str, settings: Settings) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_live_1", "whsec_1"
    settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET, settings.PAYPAL_WEBHOOK_ID = "app", "hush", "HOOK"
    settings.PUBLIC_URL = "https://lv.example"
    for name, value in changed.items():
        setattr(settings, name, value)

    found = doctor.check_payments()

    assert (found.state, found.detail) == (state, said)
    assert "hush" not in f"{found}"


@pytest.mark.parametrize(
    "text", [None, "providers = [", 'providers = ["stripe"]', "account = 1", "[account]\nday = 5\nweek = 6"]
)
def test_limits_of_ones_own_that_cannot_be_read(text: str | None, settings: Settings, tmp_path: Path) -> None:
    settings.PAYMENT_LIMITS = str(tmp_path / "limits.toml")
    if text is not None:
        (tmp_path / "limits.toml").write_text(text)

    found = doctor.check_payments()

    assert (found.state, found.do) == ("fail", "Mend the file that LINEAVIVA_PAYMENT_LIMITS names, or unset it.")
    assert found.detail.startswith("Nothing can be paid, for its limits cannot be read: ")


# --- what must answer ---------------------------------------------------------------------------------------------


def test_smtp_that_answers(smtp: str) -> None:
    assert doctor.check_smtp() == Check("smtp", "ok", f"{smtp} answers.")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        pytest.param("EMAIL_USE_TLS", True, "SMTPNotSupportedError", id="no STARTTLS there"),
        pytest.param("EMAIL_HOST_USER", "anna", "SMTPNotSupportedError", id="no login there"),
        pytest.param("EMAIL_PORT", 9, "ConnectionRefusedError", id="nobody there"),
        pytest.param("EMAIL_HOST", "no.such.host.invalid", "gaierror", id="no such host"),
    ],
)
def test_smtp_that_does_not(name: str, value: Any, why: str, smtp: str, settings: Settings) -> None:
    setattr(settings, name, value)

    found = doctor.check_smtp()

    assert found.state == "fail"
    assert found.detail.endswith(f"did not take us: {why}.")


def test_a_carrier_that_answers(carrier: Carrier) -> None:
    assert list(doctor.check_carriers()) == [Check("carrier tim", "ok", f"{carrier.url} answers.")]


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not let our client read"), (403, "does not let our client read"), (500, "answered 500")],
)
def test_a_carrier_that_refuses(status: int, words: str, carrier: Carrier) -> None:
    carrier.answer = lambda path: (status, b"")

    (found,) = doctor.check_carriers()

    assert found.state == "fail"
    assert words in found.detail


@pytest.mark.parametrize(
    ("clients", "words"),
    [({"tim": ("keeper", "another")}, "does not take our client"), ({}, "We have no client")],
    ids=["another secret", "no client"],
)
def test_a_client_that_is_refused(
    carrier: Carrier, settings: Settings, clients: dict[str, tuple[str, str]], words: str
) -> None:
    settings.TMF_CLIENTS = clients

    (found,) = doctor.check_carriers()

    assert (found.state, carrier.asked) == ("fail", [])
    assert words in found.detail
    assert "LINEAVIVA_TMF_CLIENTS" in found.do


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[", "nonsense"])
def test_a_carrier_that_is_not_there(url: str, settings: Settings) -> None:
    settings.TMF_URLS, settings.TMF_CLIENTS = {"tim": url}, {"tim": CLIENT}

    (found,) = doctor.check_carriers()

    assert found.state == "fail"
    assert "no token could be fetched" in found.detail


@pytest.mark.parametrize(
    ("apart", "state"),
    [
        (timedelta(seconds=1), "ok"),
        (timedelta(seconds=30), "warn"),
        (-timedelta(seconds=30), "warn"),
        (timedelta(hours=1), "fail"),
    ],
)
def test_a_clock_that_is_wrong(apart: timedelta, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_database_clock", lambda: datetime.now(UTC) + apart)

    assert doctor.check_clock().state == state


@pytest.mark.django_db
def test_the_clock_is_compared_with_another_where_there_is_one(carrier: Carrier) -> None:
    found = doctor.check_clock()

    other = "database" if connection.vendor == "postgresql" else "carrier tim"
    assert found.state == "ok"
    assert found.detail.endswith(f" s apart from the {other}'s.")


def test_a_clock_that_was_moved_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAVIVA_CLOCK", "2027-01-01T00:00:00+00:00")

    assert doctor.check_clock().state == "warn"


# --- what should be going on --------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("late", "state"), [(MINUTE, "ok"), (3 * MINUTE, "warn"), (20 * MINUTE, "fail"), (-MINUTE, "ok")]
)
def test_a_worker_that_does_not_come(late: timedelta, state: str, now: datetime) -> None:
    CatalogueSource.objects.create(operator="tim", look_at=now - late)

    assert doctor.check_worker().state == state


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields", [{"leased_until": NOON + MINUTE}, {"stuck_reason": "ask them"}], ids=["held", "stuck"]
)
def test_rows_that_are_held_or_given_up_are_not_late(fields: dict[str, Any], now: datetime) -> None:
    CatalogueSource.objects.create(operator="tim", look_at=now - 60 * MINUTE, **fields)

    assert doctor.check_worker() == Check("worker", "ok", "Nothing is overdue.")


@pytest.mark.django_db
def test_rows_that_wait_for_a_person(now: datetime) -> None:
    assert doctor.check_stuck().state == "ok"

    CatalogueSource.objects.create(operator="tim", stuck_reason="ask them")

    assert doctor.check_stuck() == Check("stuck", "warn", "1 rows wait for a person.", "lineaviva stuck")


@pytest.mark.django_db
def test_a_catalogue_that_grew_old(carrier: Carrier, clock: FrozenClock) -> None:
    assert doctor.check_catalogue().state == "warn"
    catalogue_refresh(operator="tim", now=clock.now())
    assert doctor.check_catalogue().state == "ok"

    clock.advance(timedelta(days=1, seconds=1))

    assert doctor.check_catalogue().detail == "Not read lately: tim."
