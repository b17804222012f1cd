"""`lineaviva renew` and `lineaviva orders`, run as their user runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, command_env
from tests.sandbox.provider.process import API_KEY, Bank, Shop, http

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("bank")]
NUMBER = "3391234567"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def bank(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    bank = Bank(tmp_path_factory.mktemp("bank"), shop.url)
    yield bank
    bank.kill()


def django(home: Path, code: str, **env: str) -> str:
    """Run a few lines against the rows of `home`."""
    script = f"import django\ndjango.setup()\n{code}"
    found = {**command_env(home), "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings", **env}
    return subprocess.run([sys.executable, "-c", script], env=found, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with Anna's TIM line, a clerk, and a catalogue from which something is sold; copied for each test."""
    home = tmp_path_factory.mktemp("ready")
    command = [sys.executable, "-m", "lineaviva.cli.main"]
    for words in (
        ["migrate"],
        ["lines", "add", NUMBER, "--operator", "tim", "--holder", "anna@example.org", "--last-topup", "2026-03-31"],
        ["users", "add", "chen@example.org", "--role", "clerk"],
    ):
        subprocess.run([*command, *words], env=command_env(home), check=True, capture_output=True)
    # No carrier stands behind it here: what the rulebook lists is put on sale by hand.
    django(
        home,
        """
from lineaviva.keeper.catalogue.actions import catalogue_refresh
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.kernel import clock
catalogue_refresh(operator="tim", now=clock.now())
Offering.objects.update(sellable=True)
""",
    )
    return home


@pytest.fixture
def home(ready: Path, tmp_path: Path) -> Path:
    for name in ("lineaviva.sqlite3", "secret.key"):
        (tmp_path / name).write_bytes((ready / name).read_bytes())
    return tmp_path


def placed(lineaviva: Command, **env: str) -> dict[str, Any]:
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--pay", "cash", "--yes", "--json", **env)
    assert ran.code == 0, ran.err
    found: dict[str, Any] = ran.json
    return found


def test_in_cash_from_the_number_to_the_paid_order(home: Path, lineaviva: Command) -> None:
    order = placed(lineaviva)
    assert (order["state"], order["offering"], order["total_minor"], order["line"]) == (
        "placed",
        "tim:topup-5",
        500,
        "…4567",
    )
    assert [(a["number"], a["provider"], a["state"]) for a in order["attempts"]] == [(1, "cash", "open")]
    code = order["code"]

    ran = lineaviva("orders", "confirm-cash", f"{code[:4]}-{code[4:].lower()}", "--clerk", "chen@example.org", "--json")
    assert (ran.code, ran.json["state"], ran.json["attempts"][0]["state"]) == (0, "paid", "succeeded")
    assert lineaviva("orders", "confirm-cash", code, "--clerk", "chen@example.org").code == 0
    assert lineaviva("orders", "list", "--json").json["orders"][0]["state"] == "paid"
    refused = lineaviva("orders", "cancel", code, "--yes", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "order_never_cancelled")


def test_for_people_it_says_what_to_do_at_the_counter(home: Path, lineaviva: Command) -> None:
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--pay", "cash", "--yes")
    assert ran.code == 0
    code = re.search(r"[A-Z][A-Z2-8]{3}-[A-Z][A-Z2-8]{3}", ran.out)
    assert code
    assert "Say this code at the counter and pay 5.00 EUR, until 20" in ran.out
    shown = lineaviva("orders", "show", code[0])
    assert shown.code == 0
    assert all(text in shown.out for text in (code[0], "tim …4567", "5.00 EUR", "placed", "cash", "anna@example.org"))
    assert "3391234567" not in shown.out


def test_by_card_it_prints_the_banks_page(home: Path, lineaviva: Command, bank: Bank, shop: Shop) -> None:
    env = {
        "LINEAVIVA_STRIPE_API_KEY": API_KEY,
        "LINEAVIVA_STRIPE_API_BASE": bank.url,
        "LINEAVIVA_PUBLIC_URL": shop.url,
    }
    ran = lineaviva("renew", NUMBER, "--offering", "topup-5", "--pay", "stripe", "--yes", **env)
    assert ran.code == 0, ran.err
    url = ran.out.strip().splitlines()[-1]
    assert url.startswith(f"{bank.url}/pay/cs_test_")
    again = lineaviva("renew", NUMBER, "--offering", "topup-5", "--yes", "--json", **env)
    assert again.json["attempts"][0]["url"] == url, "asked again it is the same order and page"

    http.post(url, data={"card": "4242424242424242"})
    look = "from lineaviva.kernel import agenda, clock\nfrom datetime import timedelta\n"
    django(home, look + "agenda.run_due(clock.now() + timedelta(seconds=10))", **env)
    shown = lineaviva("orders", "show", again.json["code"], "--json", **env).json
    assert shown["attempts"][0]["state"] == "succeeded"
    assert shown["attempts"][0]["url"] == ""
    assert shown["attempts"][0]["reference"] == bank.money()["charges"][0]["id"]


def test_a_bank_that_does_not_answer_is_said_and_asked_again_later(home: Path, lineaviva: Command) -> None:
    env = {"LINEAVIVA_STRIPE_API_KEY": API_KEY, "LINEAVIVA_STRIPE_API_BASE": "http://127.0.0.1:9"}
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--yes", **env)
    assert ran.code == 0
    assert "The bank does not answer at the moment" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (["3391234568"], "line_unknown", "msisdn"),
        (["12"], "msisdn_invalid", "msisdn"),
        ([NUMBER, "--holder", "bo@example.org"], "user_unknown", "email"),
        ([NUMBER, "--offering", "tim:nothing"], "offering_unknown", "offering"),
        ([NUMBER, "--offering", "vodafone:topup-5"], "offering_unknown", "offering"),
        ([NUMBER, "--pay", "bitcoin"], "provider_unknown", "provider"),
        ([NUMBER, "--pay", "stripe"], "provider_off", None),
    ],
)
def test_a_renewal_that_is_refused(
    home: Path, lineaviva: Command, words: list[str], code: str, field: str | None
) -> None:
    ran = lineaviva("renew", *words, "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"], ran.json["error"]["field"]) == (2, code, field)
    assert ran.json["error"]["message"].endswith(".")
    orders = lineaviva("orders", "list", "--json").json["orders"]
    assert [(order["state"], order["code"] != "") for order in orders] == (
        [("placed", True)] if code == "provider_off" else []
    )


def test_without_a_yes_nothing_is_ordered(home: Path, lineaviva: Command) -> None:
    ran = lineaviva("renew", NUMBER, "--offering", "tim:topup-5", "--pay", "cash")
    assert ran.code == 130
    assert "Order" in ran.err
    assert "5.00 EUR" in ran.err
    assert lineaviva("orders", "list", "--json").json == {"orders": []}


def test_waiting_ends_with_1_when_it_does_not_become_active(home: Path, lineaviva: Command) -> None:
    ran = lineaviva("renew", NUMBER, "--pay", "cash", "--yes", "--wait", "--patience", "1", "--json")
    assert (ran.code, ran.json["state"]) == (1, "placed")


def test_waiting_ends_when_the_order_is_closed(home: Path, lineaviva: Command) -> None:
    order = placed(lineaviva)
    django(home, "from lineaviva.keeper.orders.models import ProductOrder\nProductOrder.objects.update(state='active')")
    # A new renewal, since the first is done; its order is closed while the command waits.
    waiting = subprocess.Popen(
        [sys.executable, "-m", "lineaviva.cli.main", "renew", NUMBER, "--pay", "cash", "--yes", "--wait", "--json"],
        env=command_env(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    while len(lineaviva("orders", "list", "--json").json["orders"]) < 2:
        pass
    new = lineaviva("orders", "list", "--state", "placed", "--json").json["orders"][0]["code"]
    assert new != order["code"]
    assert lineaviva("orders", "cancel", new, "--yes").code == 0
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert '"state": "cancelled"' in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "K2M7F5PW"], "order_unknown"),
        (["show", ""], "order_unknown"),
        (["cancel", "K2M7F5PW", "--yes"], "order_unknown"),
        (["confirm-cash", "K2M7F5PW", "--clerk", "chen@example.org"], "order_unknown"),
        (["confirm-cash", "K2M7F5PW", "--clerk", "nobody@example.org"], "user_unknown"),
        (["confirm-cash", "{code}", "--clerk", "anna@example.org"], "role_needed"),
        (["confirm-refund", "{code}", "--clerk", "anna@example.org"], "role_needed"),
        (["confirm-refund", "{code}", "--clerk", "chen@example.org"], "refund_not_waiting"),
        (["list", "--state", "lost"], "invalid_input"),
        (["list", "--holder", "nobody@example.org"], "user_unknown"),
        (["list", "--limit", "0"], "usage"),
        (["confirm-cash", "{code}"], "usage"),
    ],
)
def test_what_is_refused_changes_nothing(home: Path, lineaviva: Command, words: list[str], code: str) -> None:
    order = placed(lineaviva)
    ran = lineaviva("orders", *(word.format(code=order["code"]) for word in words), "--json")
    assert (ran.code, ran.json["error"]["code"]) == (2, code)
    assert lineaviva("orders", "show", order["code"], "--json").json == order


def test_lists_are_filtered(home: Path, lineaviva: Command) -> None:
    code = placed(lineaviva)["code"]
    lineaviva("orders", "cancel", code, "--yes")
    other = placed(lineaviva)["code"]
    for words, codes in (
        ([], [other, code]),
        (["--state", "cancelled"], [code]),
        (["--state", "active"], []),
        (["--limit", "1"], [other]),
        (["--holder", "anna@example.org"], [other, code]),
    ):
        found = lineaviva("orders", "list", *words, "--json").json["orders"]
        assert [order["code"] for order in found] == codes
    assert "…4567" in lineaviva("orders", "list").out
    assert "No orders yet." in lineaviva("orders", "list", "--state", "paid").out


def test_cash_that_goes_back(home: Path, lineaviva: Command) -> None:
    code = placed(lineaviva)["code"]
    lineaviva("orders", "confirm-cash", code, "--clerk", "chen@example.org")
    assert lineaviva("orders", "stuck").code == 0
    django(
        home,
        f"""
from lineaviva.kernel import agenda, clock
from lineaviva.keeper.orders.actions import order_fail
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments.actions import refund_request
from lineaviva.keeper.payments.agenda import refund_look
from lineaviva.keeper.payments.queries import paying_attempt
from lineaviva.keeper.payments.models import Refund
order = order_fail(order=order_by_code("{code}"), reason="refused", now=clock.now())
refund_request(attempt=paying_attempt(order), reason="activation_refused", now=clock.now())
agenda.run_due(clock.now())
""",
    )
    stuck = lineaviva("orders", "stuck", "--json")
    assert stuck.code == 1
    [row] = stuck.json["stuck"]
    assert (row["row"], row["order"], row["state"]) == ("refund:1", f"{code[:4]}-{code[4:]}", "requested")
    command = re.search(r"lineaviva (orders confirm-refund \w+ --clerk) E-MAIL", row["reason"])
    assert command

    done = lineaviva(*command[1].split(), "chen@example.org", "--json")
    assert (done.code, done.json["state"], done.json["refunds"][0]["state"]) == (0, "refunded", "succeeded")
    assert "Given back" in lineaviva("orders", "show", code).out
    assert lineaviva("orders", "stuck").code == 0


@pytest.mark.parametrize(
    "words",
    [["renew"], *(["orders", name] for name in ("list", "show", "confirm-cash", "confirm-refund", "cancel", "stuck"))],
)
def test_every_command_has_an_example(lineaviva: Command, words: list[str]) -> None:
    ran = lineaviva(*words, "--help")
    assert ran.code == 0
    assert f"lineaviva {' '.join(words)}" in ran.out
