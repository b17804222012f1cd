"""`lineaviva vouchers` and `lineaviva wallet`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from lineaviva.cli import vouchers as vouchers_area
from lineaviva.cli import wallet as wallet_area
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.till.actions import till_close, till_open
from lineaviva.keeper.wallets.models import Voucher, VoucherBatch, WalletMovement
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.wallets.vouchers import voucher_redeem
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money
from tests import factories
from tests.cli.in_process import Done, run

pytestmark = pytest.mark.django_db
BY = ["--by", "dora@example.org"]
MAKE = ["make", "christmas", "--amount", "10", "--count", "2", "--paid", "till", *BY]


@pytest.fixture(autouse=True)
def dora(db: None, clock: FrozenClock) -> User:
    return factories.holder("dora@example.org", role="operations")


@pytest.fixture
def anna(db: None, clock: FrozenClock) -> User:
    return factories.anna()


def vouchers(*words: str) -> Done:
    return run(vouchers_area.app, *words)


def wallet(*words: str) -> Done:
    return run(wallet_area.app, *words)


# --- vouchers -------------------------------------------------------------------------------------------------------


def test_pins_are_printed_once_as_csv_and_work(anna: User, clock: FrozenClock) -> None:
    head, *rows = csv.reader(io.StringIO(vouchers(*MAKE).out))
    assert head == ["number", "pin", "amount", "currency", "good_until"]
    assert [[row[0], *row[2:]] for row in rows] == [
        ["1", "10.00", "EUR", "2028-11-22"],
        ["2", "10.00", "EUR", "2028-11-22"],
    ]
    for row in rows:
        voucher_redeem(pin=row[1], user=anna, address="203.0.113.7", now=clock.now())
    assert (balance_of(anna), books.balances()) == (Money(2000), {"till:cash": 2000, f"wallet:{anna.pk}": -2000})
    shown = vouchers("list").out + vouchers("list", "--json").out
    assert not any(row[1] in shown or row[1].replace(" ", "") in shown for row in rows)
    assert disagreement() == []


def test_pins_into_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    file = tmp_path / "pins.csv"
    done = vouchers(*MAKE, "-o", str(file))
    assert (done.code, file.stat().st_mode & 0o777) == (0, 0o600)
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    assert [row["pin"][-4:] for row in rows] == list(Voucher.objects.order_by("number").values_list("last4", flat=True))
    assert not any(row["pin"] in done.out for row in rows)


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "pins.csv"
    file.write_text("others")
    for path, code in ((file, "file_exists"), (tmp_path / "no" / "pins.csv", "file_invalid")):
        refused = vouchers(*MAKE, "-o", str(path)).error
        assert isinstance(refused, LineavivaError)
        assert refused.code == code
    assert (file.read_text(), VoucherBatch.objects.count()) == ("others", 0)


def test_what_is_refused_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "pins.csv"
    refused = vouchers(*MAKE, "-o", str(file), "--until", "2020-01-01").error
    assert isinstance(refused, LineavivaError)
    assert (refused.code, file.exists(), VoucherBatch.objects.count()) == ("expiry_invalid", False, 0)


def test_as_json_and_listed_and_made_void() -> None:
    made = vouchers(*MAKE, "--until", "2027-12-31", "--json").json
    assert [one["number"] for one in made.pop("vouchers")] == [1, 2]
    plain = {"batch": "christmas", "each": "10.00 EUR", "count": 2, "paid": "till", "good_until": "2027-12-31"}
    plain |= {"made_at": "2026-11-22T12:00:00+01:00", "made_by": "dora@example.org"}
    assert {**made, "made_at": plain["made_at"]} == plain

    done = vouchers("void", "christmas", "--number", "2", "--reason", "lost", *BY)
    assert done.out == "1 voucher is void now; give 10.00 EUR back (till).\n"
    (row,) = vouchers("list", "--json").json["batches"]
    assert {name: row[name] for name in ("waiting", "redeemed", "void", "expired")} == {
        **{"waiting": 1, "redeemed": 0, "void": 1, "expired": 0}
    }
    assert vouchers("void", "christmas", "--reason", "all", *BY, "--json").json == {
        **{"batch": "christmas", "void": 1, "worth": "10.00 EUR"}
    }
    assert "christmas" in vouchers("list").out
    assert books.balances() == {}


REFUSED: list[tuple[list[str], str]] = [
    (["make", "x", "--amount", "ten", "--count", "1", "--paid", "till", *BY], "amount_invalid"),
    (["make", "x", "--amount", "10", "--count", "1", "--paid", "purse", *BY], "paid_invalid"),
    (["make", "x", "--amount", "10", "--count", "1", "--paid", "till", "--by", "eve@example.org"], "user_unknown"),
    (["make", "x", "--amount", "10", "--count", "1", "--paid", "till", *BY, "--until", "soon"], "date_invalid"),
    (["void", "x", "--reason", "r", *BY], "voucher_batch_unknown"),
]


@pytest.mark.parametrize(("words", "code"), REFUSED)
def test_what_vouchers_refuse(words: list[str], code: str) -> None:
    refused = vouchers(*words).error
    assert isinstance(refused, LineavivaError)
    assert (refused.code, VoucherBatch.objects.count()) == (code, 0)


def test_nothing_yet() -> None:
    assert vouchers("list").out == "No vouchers yet.\n"
    assert wallet("show").out == "No account has a balance.\n"


# --- wallets --------------------------------------------------------------------------------------------------------


def test_money_is_put_in_once_and_taken_out(anna: User) -> None:
    words = ["credit", "anna@example.org", "50", "--reason", "transfer", *BY]
    assert wallet(*words).out == "anna@example.org has 50.00 EUR now.\n"
    assert wallet(*words).out == (
        "Nothing was moved: this was done on 2026-11-22 12:00. If it is another one, name it by --key.\n"
    )
    found = wallet(*words, "--key", "CRO 2", "--json").json
    assert {name: found[name] for name in ("amount", "after", "balance", "done", "reason", "by")} == {
        **{"amount": "50.00 EUR", "after": "100.00 EUR", "balance": "100.00 EUR", "done": True},
        **{"reason": "transfer", "by": "dora@example.org"},
    }
    taken = wallet("debit", "anna@example.org", "30", "--paid", "till", "--reason", "paid out", *BY)
    assert taken.out == "anna@example.org has 70.00 EUR now.\n"
    assert books.balances() == {"bank": 10000, "till:cash": -3000, f"wallet:{anna.pk}": -7000}
    shown = wallet("show", "anna@example.org", "--json").json
    assert (shown["balance"], [one["amount"] for one in shown["movements"]]) == (
        "70.00 EUR",
        ["-30.00 EUR", "50.00 EUR", "50.00 EUR"],
    )
    assert wallet("show", "--json").json == {"wallets": [{"email": "anna@example.org", "balance": "70.00 EUR"}]}
    assert "anna@example.org" in wallet("show").out
    assert "paid out" in wallet("show", "anna@example.org").out
    assert disagreement() == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["debit", "anna@example.org", "1", "--reason", "r", *BY], "wallet_short"),
        (["credit", "anna@example.org", "0", "--reason", "r", *BY], "amount_invalid"),
        (["credit", "anna@example.org", "1", "--reason", " ", *BY], "reason_missing"),
        (["credit", "anna@example.org", "1", "--reason", "r", "--by", "anna@example.org"], "role_needed"),
        (["credit", "eve@example.org", "1", "--reason", "r", *BY], "user_unknown"),
        (["show", "eve@example.org"], "user_unknown"),
    ],
)
def test_what_wallet_refuses(words: list[str], code: str, anna: User) -> None:
    refused: Any = wallet(*words).error
    assert isinstance(refused, LineavivaError)
    assert (refused.code, WalletMovement.objects.count()) == (code, 0)


# --- the till -------------------------------------------------------------------------------------------------------


def test_between_two_days_no_cash_comes_or_goes(anna: User, dora: User, clock: FrozenClock) -> None:
    vouchers(*MAKE)
    cash = ["--reason", "cash", "--paid", "till", *BY]
    assert wallet("credit", anna.email, "20", *cash, "--json").json["done"] is True
    day = till_open(by=dora, cash=Money(4000), now=clock.now())
    till_close(day=day, by=dora, counted=Money(4000), now=clock.now())
    before = books.balances(), list(Voucher.objects.values()), VoucherBatch.objects.count(), balance_of(anna)
    acts = [
        vouchers("make", "easter", *MAKE[2:]),
        vouchers("void", "christmas", "--reason", "lost", *BY),
        wallet("credit", anna.email, "30", *cash),
        wallet("debit", anna.email, "10", *cash),
    ]
    assert [getattr(done.error, "code", "") for done in acts] == ["till_closed"] * 4
    assert before == (books.balances(), list(Voucher.objects.values()), VoucherBatch.objects.count(), balance_of(anna))
    assert wallet("credit", anna.email, "20", *cash, "--json").json["done"] is False  # nothing moves
    assert wallet("credit", anna.email, "5", "--reason", "transfer", *BY, "--json").json["done"] is True
    till_open(by=dora, cash=Money(4000), now=clock.now())
    assert vouchers("make", "easter", *MAKE[2:]).code == 0
    assert (books.balances()["till:cash"], disagreement()) == (6000, [])


def test_pins_into_a_file_as_json_say_where_they_are(tmp_path: Path) -> None:
    file = tmp_path / "pins.csv"
    said = vouchers(*MAKE, "-o", str(file), "--json").json
    assert (said["batch"], said["file"], "vouchers" in said) == ("christmas", str(file), False)
    assert len(list(csv.DictReader(file.open(encoding="utf-8")))) == 2
