"""The balance on pages: filled by a voucher, offered where it is enough, spent by its own person only; and codes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.catalogue.actions import promotion_add
from lineaviva.keeper.catalogue.models import Offering, Promotion
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.keeper.wallets.actions import wallet_credit
from lineaviva.keeper.wallets.models import WalletMovement
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.wallets.vouchers import Made, voucher_batch_make
from lineaviva.kernel.agenda.models import RateLimit
from lineaviva.kernel.money import Money
from tests.web.conftest import Bank, Browser, hidden, words

UNKNOWN = "1234567890123452"
PAGE = "/settings/wallet/"


@pytest.fixture
def made(dora: User, now: datetime) -> Made:
    return voucher_batch_make(name="c", amount=Money(1000), count=2, paid="till", by=dora, now=now)


def credit(user: User, minor: int, by: User, now: datetime) -> None:
    wallet_credit(user=user, amount=Money(minor), paid="bank", reason=f"r{minor}", by=by, now=now)


def renew_path(line: Line) -> str:
    return f"/lines/{line.pk}/renew/"


def send(client: Client, line: Line, pay: str = "wallet") -> Any:
    """As the form of the page would: with its quote, and the four digits already looked at."""
    quote = hidden(client.get(renew_path(line)), "quote")
    return client.post(renew_path(line), {"quote": quote, "pay": pay, "sure": line.msisdn[-4:]}, follow=True)


# --- the page of the balance ----------------------------------------------------------------------------------------


def test_a_voucher_fills_the_balance(made: Made, anna: User, page: Client) -> None:
    assert "To spend €0.00" in words(page.get(PAGE))
    pin = made.pins[0]
    response = page.post(PAGE, {"pin": f" {pin[:4]}-{pin[4:8]} {pin[8:]} "}, follow=True)
    text = words(response)
    assert "The voucher's €10.00 are in your balance: €10.00." in text
    assert f"Voucher …{pin[-4:]}" in text
    assert pin not in response.content.decode()
    assert balance_of(anna) == Money(1000)
    assert "Your balance €10.00" in words(page.get("/settings/"))
    assert disagreement() == []


@pytest.mark.parametrize(
    ("pin", "sentence"),
    [
        ("", "Write the PIN."),
        ("1234", "A voucher's PIN has 16 digits, and one of these is not right. Compare it with the voucher."),
        (UNKNOWN, "There is no voucher with this PIN."),
    ],
)
def test_a_wrong_pin_is_told_at_its_field(pin: str, sentence: str, page: Client, anna: User) -> None:
    response = page.post(PAGE, {"pin": pin})
    assert response.status_code == 400
    assert sentence in words(response)
    assert 'aria-invalid="true"' in response.content.decode()
    assert balance_of(anna) == Money(0)


def test_who_guesses_is_stopped_and_told_for_how_long(made: Made, page: Client, anna: User) -> None:
    assert [page.post(PAGE, {"pin": UNKNOWN}).status_code for _ in range(5)] == [400] * 5
    response = page.post(PAGE, {"pin": made.pins[0]})
    assert (response.status_code, response.headers["Retry-After"]) == (429, "720")
    assert "Too many PINs were wrong. Wait a quarter of an hour, or ask who sold you the voucher." in words(response)
    assert balance_of(anna) == Money(0)


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("/lines/3/renew/?offering=x", "/lines/3/renew/?offering=x"),
        ("https://evil.example/", PAGE),
        ("//evil.example", PAGE),
        ("", PAGE),
    ],
)
def test_who_is_paying_comes_back_to_it(target: str, to: str, made: Made, page: Client) -> None:
    response = page.post(PAGE, {"pin": made.pins[0], "next": target})
    assert (response.status_code, response.headers["Location"]) == (302, to)


def test_behind_a_proxy_readers_are_told_apart(
    made: Made, anna: User, bo: User, browser: Browser, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    pages = [browser(user, x_forwarded_for=f"6.6.6.6, 203.0.113.{n}") for n, user in enumerate((anna, bo))]
    for page in pages:
        page.post(PAGE, {"pin": UNKNOWN})
    names = RateLimit.objects.filter(name__startswith="voucher:address").order_by("name").values_list("name", flat=True)
    assert list(names) == ["voucher:address:203.0.113.0", "voucher:address:203.0.113.1"]


def test_a_copy_of_the_page_at_another_address_redeems_nothing(made: Made, page: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["evil.example"]
    response = page.post(PAGE, {"pin": made.pins[0]}, headers={"host": "evil.example"})
    assert response.status_code == 403
    assert WalletMovement.objects.count() == 0


def test_a_stranger_redeems_nothing(made: Made, browser: Browser) -> None:
    response = browser().post(PAGE, {"pin": made.pins[0]})
    assert response.headers["Location"].startswith("/account/login/")
    assert WalletMovement.objects.count() == 0


# --- paying from it -------------------------------------------------------------------------------------------------


def test_it_is_offered_where_it_is_enough(
    mum: Line, offers: list[Offering], anna: User, dora: User, page: Client, now: datetime
) -> None:
    credit(anna, 499, dora, now)
    text = words(page.get(renew_path(mum)))
    assert "Pay from your balance" not in text
    assert "Your balance: €4.99" in text
    assert "I have a voucher" in text
    credit(anna, 1, dora, now)
    html = page.get(renew_path(mum)).content.decode()
    assert html.index('value="wallet"') < html.index('value="cash"')
    assert "Pay from your balance (€5.00)" in html


def test_one_click_pays_and_the_second_is_quiet(
    mum: Line, offers: list[Offering], anna: User, dora: User, page: Client, now: datetime
) -> None:
    credit(anna, 500, dora, now)
    quote = hidden(page.get(renew_path(mum)), "quote")
    sent = {"quote": quote, "pay": "wallet", "sure": mum.msisdn[-4:]}
    for _ in range(2):
        response = page.post(renew_path(mum), sent, follow=True)
        order = ProductOrder.objects.get()
        assert response.redirect_chain[-1][0] == f"/orders/{order.code}/"
        text = words(response)
        assert "Paid, being activated" in text
        assert "Paid by prepaid balance" in text
        assert "not enough" not in text
    assert page.post(f"/orders/{order.code}/pay/", {"pay": "wallet"}, follow=True).status_code == 200
    assert (balance_of(anna), order.state, WalletMovement.objects.count()) == (Money(0), "paid", 2)
    assert f"Renewal {order.code[:4]}" in words(page.get(PAGE))
    assert disagreement() == []


def test_what_is_not_enough_orders_nothing(
    mum: Line, offers: list[Offering], anna: User, dora: User, page: Client, now: datetime
) -> None:
    credit(anna, 499, dora, now)
    assert "Your balance is not enough for this. Nothing was taken." in words(send(page, mum))
    assert (ProductOrder.objects.count(), balance_of(anna)) == (0, Money(499))


def test_a_link_in_a_message_does_not_open_the_balance(
    mum: Line, offers: list[Offering], anna: User, dora: User, browser: Browser, now: datetime
) -> None:
    credit(anna, 900, dora, now)
    stranger = browser(accept_language="en")
    stranger.get(renewal_link(line=mum, user=anna, now=now))
    text = words(stranger.get(renew_path(mum)))
    assert "balance" not in text
    assert "voucher" not in text
    said = words(send(stranger, mum))
    assert "Only who placed the order can pay it from their balance, signed in." in said
    assert (ProductOrder.objects.count(), balance_of(anna)) == (0, Money(900))


def test_nobody_pays_from_anothers_balance(
    order: ProductOrder, anna: User, bo: User, dora: User, browser: Browser, now: datetime
) -> None:
    credit(anna, 900, dora, now)
    credit(bo, 900, dora, now)
    line_share(line=order.line, with_email=bo.email, right="pay", by=anna, now=now)
    theirs = browser(bo)
    path = f"/orders/{order.code}/"
    assert "Pay from your balance" not in words(theirs.get(path))
    assert "Pay from your balance (€9.00)" in words(browser(anna).get(path))
    response = theirs.post(f"{path}pay/", {"pay": "wallet"}, follow=True)
    assert "Only who placed the order can pay it from their balance, signed in." in words(response)
    order.refresh_from_db()
    assert (order.state, balance_of(anna), balance_of(bo)) == ("placed", Money(900), Money(900))


def test_a_voucher_while_paying(order: ProductOrder, made: Made, page: Client, anna: User) -> None:
    path = f"/orders/{order.code}/"
    html = page.get(path)
    assert "Pay from your balance" not in words(html)
    sent = {"pin": made.pins[0], "next": hidden(html, "next")}
    response = page.post(PAGE, sent, follow=True)
    assert response.redirect_chain[-1][0] == path
    assert "Pay from your balance (€10.00)" in words(response)
    assert "Paid, being activated" in words(page.post(f"{path}pay/", {"pay": "wallet"}, follow=True))
    assert books.balances() == {"held": -500, "till:cash": 2000, "vouchers": -1000, f"wallet:{anna.pk}": -500}


# --- the owner's account --------------------------------------------------------------------------------------------


def test_the_owners_account_is_for_the_owners_people(
    mum: Line, offers: list[Offering], anna: User, page: Client, settings: Any
) -> None:
    settings.OWNER_PAYS = True
    assert "owner's account" not in words(page.get(renew_path(mum)))
    assert "The owner's account does not pay for this person." in words(send(page, mum, "account"))
    assert ProductOrder.objects.count() == 0
    settings.OWNER_PAYS_FOR = [anna.email]
    assert "Pay by the owner's account" in words(page.get(renew_path(mum)))
    assert "Paid by the owner's account at the operator" in words(send(page, mum, "account"))
    assert books.balances() == {"held": -500, "owner": 500}


# --- promotion codes ------------------------------------------------------------------------------------------------


@pytest.fixture
def welcome(db: None, now: datetime) -> Promotion:
    return promotion_add(
        operator="",
        key="welcome",
        name="Welcome to us",
        off_minor=200,
        now=now,
        valid_from=now,
        valid_until=now + timedelta(days=9),
        code="WELCOME",
        uses_most=1,
    )


def test_a_code_is_typed_and_shown_in_price_order_and_receipt(
    mum: Line, offers: list[Offering], welcome: Promotion, page: Client, anna: User, dora: User, now: datetime
) -> None:
    assert "I have a promotion code" in words(page.get(renew_path(mum)))
    shown = page.get(renew_path(mum), {"offering": "topup-5", "code": " welcome "})
    assert "Price €5.00 Welcome to us −€2.00 Total €3.00" in words(shown)
    sent = {"quote": hidden(shown, "quote"), "pay": "cash"}
    sure = page.post(renew_path(mum), sent)  # a number that is new here is looked at once more
    assert "?offering=topup-5&amp;code=WELCOME" in sure.content.decode()
    response = page.post(renew_path(mum), {**sent, "sure": mum.msisdn[-4:]}, follow=True)
    order = ProductOrder.objects.get()
    assert (order.total_minor, order.quote.promotion) == (300, welcome)
    assert "Price €5.00 Welcome to us −€2.00 Total €3.00" in words(response)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nothing", "There is no such promotion code."),
        ("<script>", "There is no such promotion code."),
        ("over", "This promotion code is not good at this time."),
    ],
)
def test_a_code_that_does_not_count_is_told_and_the_price_stays(
    typed: str, sentence: str, mum: Line, offers: list[Offering], page: Client, now: datetime
) -> None:
    day = timedelta(days=1)
    facts = {"operator": "tim", "key": "over", "name": "Over", "off_minor": 100, "code": "OVER"}
    promotion_add(**facts, now=now, valid_from=now - 2 * day, valid_until=now - day)
    response = page.get(renew_path(mum), {"code": typed})
    assert sentence in words(response)
    assert "<script>" not in response.content.decode().split('id="code"')[1][:200]
    assert 'name="pay"' in response.content.decode()


def test_a_better_promotion_counts_and_it_is_said(
    mum: Line, offers: list[Offering], welcome: Promotion, page: Client, now: datetime
) -> None:
    facts = {"operator": "tim", "key": "autumn", "name": "Autumn", "off_minor": 300}
    promotion_add(**facts, now=now, valid_from=now, valid_until=now + timedelta(days=1))
    text = words(page.get(renew_path(mum), {"code": "welcome"}))
    assert "Another promotion takes more off: that one counts." in text
    assert "Autumn −€3.00" in text


def test_who_comes_too_late_is_told_and_shown_the_full_price(
    mum: Line, order: ProductOrder, offers: list[Offering], welcome: Promotion, page: Client, now: datetime
) -> None:
    order_cancel(order=order, by=None, now=now)
    shown = page.get(renew_path(mum), {"code": "welcome"})
    Promotion.objects.update(uses_most=0)  # as if others had been faster
    sent = {"quote": hidden(shown, "quote"), "pay": "cash", "sure": mum.msisdn[-4:]}
    response = page.post(renew_path(mum), sent, follow=True)
    assert "This promotion code has been used as often as it may be." in words(response)
    assert ProductOrder.objects.count() == 1
    again = page.get(renew_path(mum), {"code": "welcome"})
    assert "This promotion code has been used as often as it may be." in words(again)
    assert "Welcome to us" not in words(again)


def test_codes_are_not_guessed_by_the_hundred(mum: Line, offers: list[Offering], page: Client) -> None:
    for n in range(20):
        assert "There is no such promotion code." in words(page.get(renew_path(mum), {"code": f"guess{n}"}))
    assert "That was too often. Wait a minute and try again." in words(page.get(renew_path(mum), {"code": "more"}))


def test_the_other_choices_keep_the_code(
    mum: Line, offers: list[Offering], welcome: Promotion, page: Client, bank: type[Bank]
) -> None:
    html = page.get(renew_path(mum), {"code": "welcome"}).content.decode()
    assert "?offering=topup-10&amp;code=welcome" in html
    assert "&amp;code=" not in page.get(renew_path(mum)).content.decode()
