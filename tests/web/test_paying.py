"""Going on to pay: at our own address only, not too much at once, and not beside somebody who pays the same line."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import attempt_open, payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.keeper.web import address
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.payments.quick import LIMITS, saved
from tests.web.conftest import BANK, LANGUAGES, Bank, Browser, hidden, words


def pay(client: Client, order: ProductOrder, way: str = "stripe", **more: Any) -> Any:
    return client.post(f"/orders/{order.code}/pay/", {"pay": way, **more})


# --- too much -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(settings: Any, tmp_path: Path) -> None:
    """One account may pay 20 EUR a day here, and be declined twice an hour."""
    file = tmp_path / "limits.toml"
    file.write_text(LIMITS, encoding="utf-8")
    settings.PAYMENT_LIMITS = str(file)


def test_too_much_is_told_with_what_to_do_and_from_when_on(
    order: ProductOrder, mum: Line, page: Client, bank: type[Bank], small: None, now: datetime
) -> None:
    other = orders.order(line=factories.line(holder=mum.holder), price=1000)
    payment_begin(order=other, provider="stripe", now=now)
    more = orders.order(line=mum, price=2000)
    response = pay(page, more)
    assert (response.status_code, response.headers["Retry-After"]) == (429, str(24 * 3600))
    text = words(response)
    assert "Too often" in text
    assert "At most €20.00 within 24 hours can be paid by card or PayPal from one account. Nothing was charged." in text
    assert "You can pay this way again from Mon 23 Nov 2026 12:00 on. In a shop you can pay the order at once." in text
    assert f'<a class="button full" href="/orders/{more.code}/">' in response.content.decode()
    assert more.attempts.count() == 0
    assert pay(page, more, "cash").url == f"/orders/{more.code}/"


def test_what_is_more_than_a_day_ever_holds_names_no_time(
    mum: Line, page: Client, bank: type[Bank], small: None
) -> None:
    response = pay(page, orders.order(line=mum, price=2100))
    assert response.status_code == 429
    assert "Retry-After" not in response.headers
    assert "You can pay this way again" not in words(response)


def test_who_begins_again_and_again_waits(order: ProductOrder, page: Client, bank: type[Bank], small: None) -> None:
    answers = [pay(page, order, way).status_code for way in ("stripe", "cash") * 8]
    response = pay(page, order)
    assert (answers, response.status_code, response.headers["Retry-After"]) == ([302] * 16, 429, "3600")
    assert "8 payments were begun within an hour. Wait a little." in words(response)
    assert order.attempts.count() == 16


SAYS = {
    "zh-hans": "一小时内有 2 笔付款被拒。未扣款。",
    "zh-hant": "一小時內有 2 筆付款遭拒。未扣款。",
    "it": "In un’ora sono stati rifiutati 2 pagamenti. Non è stato addebitato nulla.",
    "en": "2 payments were declined within an hour. Nothing was charged.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_was_declined_too_often_is_told_in_their_language(
    language: str, order: ProductOrder, anna: User, browser: Browser, bank: type[Bank], small: None, clock: FrozenClock
) -> None:
    User.objects.filter(pk=anna.pk).update(language=language)
    for _ in range(2):
        attempt = payment_begin(order=order, provider="stripe", now=clock.now())
        payment_settle(attempt=attempt, status=Status("failed", reason="card_declined"), now=clock.now())
    clock.advance(timedelta(minutes=20))
    anna.refresh_from_db()
    response = pay(browser(anna), order)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2400")
    assert SAYS[language] in words(response)


def test_an_order_whose_card_was_over_its_limit_says_so_and_that_the_money_comes_back(
    order: ProductOrder, mum: Line, page: Client, bank: type[Bank], small: None, now: datetime
) -> None:
    for price in (1500, 500):
        attempt = payment_begin(order=orders.order(line=factories.line(), price=price), provider="stripe", now=now)
        payment_settle(attempt=attempt, status=Status("succeeded", Money(price), f"ch_{price}", card="one"), now=now)
    failed = ProductOrder.objects.get(state="failed")
    text = words(page.get(f"/orders/{failed.code}/"))
    assert "Not activated: your money is on its way back" in text
    assert "Not sent to the operator One card may pay only so much here within a day and a week" in text
    assert "Refused by the operator" not in text
    attempt.refresh_from_db()
    assert attempt.card_fingerprint not in page.get(f"/orders/{failed.code}/").content.decode()


# --- somebody else pays the line ----------------------------------------------------------------------------------


@pytest.fixture
def theirs(mum: Line, anna: User, bo: User, offers: Any, now: datetime) -> ProductOrder:
    """Bo's order for Anna's line."""
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    return orders.order(line=mum, by=bo, price=1000)


def test_the_second_payer_looks_once_more_and_may_pay_all_the_same(
    order: ProductOrder, theirs: ProductOrder, browser: Browser, page: Client, bo: User, bank: type[Bank]
) -> None:
    pay(browser(bo), theirs)
    response = pay(page, order)
    assert response.status_code == 409
    said = f"This line is being renewed by bo@example.org: €10.00, order {theirs.code[:4]}-{theirs.code[4:]}."
    assert said in words(response)
    assert "If you pay, too, the line is renewed twice." in words(response)
    assert order.attempts.count() == 0
    assert f'href="/orders/{order.code}/">' in response.content.decode()
    again = pay(page, order, beside=hidden(response, "beside"))
    assert (again.status_code, again.url) == (302, f"{BANK}{order.code}")


def test_ones_own_order_and_automatic_renewal_are_called_so(
    order: ProductOrder, mum: Line, page: Client, bank: type[Bank], now: datetime
) -> None:
    second = orders.order(line=mum, price=1000)
    pay(page, second)
    assert "You are renewing this line already: €10.00" in words(pay(page, order))
    PaymentAttempt.objects.all().delete()
    attempt_open(second, "stripe", now, saved=saved(mum.holder))
    assert "This line is being renewed by automatic renewal: €10.00" in words(pay(page, order))


def test_who_came_by_a_link_hears_no_name(
    order: ProductOrder, theirs: ProductOrder, mum: Line, browser: Browser, bo: User, bank: type[Bank], now: datetime
) -> None:
    pay(browser(bo), theirs)
    guest = browser(accept_language="en")
    guest.get(renewal_link(line=mum, user=mum.holder, now=now))
    sent = {"quote": hidden(guest.get(f"/lines/{mum.pk}/renew/"), "quote"), "pay": "stripe", "sure": mum.msisdn[-4:]}
    response = guest.post(f"/lines/{mum.pk}/renew/", sent)
    assert response.status_code == 409
    assert "This line is being renewed by somebody else who may pay for it: €10.00." in words(response)
    assert "bo@example.org" not in response.content.decode()
    assert theirs.code not in words(response)


# --- at our own address -------------------------------------------------------------------------------------------

HOME = "https://renew.example"


@pytest.mark.parametrize(
    ("host", "secure", "home", "state"),
    [
        ("renew.example", True, HOME, "right"),
        ("RENEW.example.", True, HOME, "right"),
        ("renew.example:443", True, HOME, "right"),
        ("renew.example", True, f"{HOME}:8443", "right"),
        ("renew.example", False, HOME, "plain"),
        ("192.168.1.5:8000", False, "http://192.168.1.5:8000", "plain"),
        ("127.0.0.1:8000", False, HOME, "right"),
        ("127.8.0.1", False, HOME, "right"),
        ("localhost:8000", False, HOME, "right"),
        ("[::1]:8000", False, HOME, "right"),
        ("renew.example.evil.test", True, HOME, "wrong"),
        ("127.evil.test", True, HOME, "wrong"),
        ("localhost.evil.test", True, HOME, "wrong"),
        ("evil.test", False, HOME, "wrong"),
        ("citt\u00e0.example".encode("idna").decode(), True, "https://citt\u00e0.example", "right"),
    ],
)
def test_where_a_page_stands(host: str, secure: bool, home: str, state: str, settings: Any) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = home, ["*"]
    found = address.of(RequestFactory().get("/", secure=secure, SERVER_NAME="x", HTTP_HOST=host))
    assert (found.state, found.home) == (state, home)
    assert b64decode(found.packed).decode() == home


def warning(response: Any) -> str:
    """What the page says of its address; empty where that is hidden."""
    note = re.search(
        r'<div class="note is-off" role="alert" data-home="[^"]+"( hidden)?>(.*?)</div></div>',
        response.content.decode(),
        re.S,
    )
    assert note
    if note[1]:
        return ""
    shown = [text for hides, text in re.findall(r"<p([^>]*)>(.*?)</p>", note[2], re.S) if not hides.endswith(" hidden")]
    return " ".join(" ".join(shown).split())


def at(client: Client, path: str, host: str) -> Any:
    return client.get(path, headers={"Host": host})


@pytest.fixture
def public(settings: Any) -> str:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = HOME, ["renew.example", "copy.test", "127.0.0.1"]
    return HOME


@pytest.mark.parametrize("path", ["/orders/ORDER/", "/lines/LINE/renew/"])
def test_paying_pages_say_where_they_should_stand(path: str, order: ProductOrder, page: Client, public: str) -> None:
    path = path.replace("ORDER", order.code).replace("LINE", str(order.line_id))
    assert warning(page.get(path)) == ""
    assert warning(at(page, path, "copy.test")) == (
        "This is not our address. Do not pay here, and type in nothing. Our address is: https://renew.example"
    )
    assert warning(at(page, path, "renew.example")) == (
        "This page came without encryption (HTTPS): others in this network can read it."
        " The safe address is: https://renew.example"
    )


def test_a_network_of_ones_own_is_not_sent_elsewhere(order: ProductOrder, page: Client, settings: Any) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "http://192.168.1.5", ["192.168.1.5"]
    said = "This page came without encryption (HTTPS): others in this network can read it."
    assert warning(at(page, f"/orders/{order.code}/", "192.168.1.5")) == said
    response = page.post(f"/orders/{order.code}/pay/", {"pay": "cash"}, headers={"Host": "192.168.1.5"})
    assert (response.status_code, order.attempts.count()) == (302, 1)


REFUSES = {
    "zh-hans": "这不是我们的网址，未在此扣款。请打开我们自己的网址：https://renew.example",
    "zh-hant": "這不是我們的網址，未在此扣款。請開啟我們自己的網址：https://renew.example",
    "it": "Questo non è il nostro indirizzo e qui non è stato addebitato nulla. Apri il nostro: https://renew.example",
    "en": "This is not our address, and nothing was charged here. Open our own: https://renew.example",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_paid_at_another_address(
    language: str, order: ProductOrder, anna: User, browser: Browser, public: str, bank: type[Bank]
) -> None:
    User.objects.filter(pk=anna.pk).update(language=language)
    anna.refresh_from_db()
    client = browser(anna)
    for path, sent in (
        (f"/orders/{order.code}/pay/", {"pay": "stripe"}),
        (f"/lines/{order.line_id}/renew/", {"pay": "stripe", "quote": order.quote_id, "sure": "4567"}),
    ):
        response = client.post(path, sent, headers={"Host": "copy.test"})
        assert response.status_code == 403
        assert REFUSES[language] in words(response)
    assert (PaymentAttempt.objects.count(), ProductOrder.objects.count(), bank.begun) == (0, 1, [])
