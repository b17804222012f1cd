"""The till's pages: a day opened and closed with counted cash, printed, and cash called off by two people."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_begin
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.books.queries import balances
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.payments.models import Refund
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.till.actions import cash_take, till_close, till_open
from lineaviva.keeper.till.cancelling import cancellation_ask
from lineaviva.keeper.till.models import Cancellation, TillDay
from lineaviva.kernel.money import Money
from tests.keeper.orders import factories as orders
from tests.web.conftest import LANGUAGES, Browser, paid, words
from tests.web.test_pages import assert_only, english_texts, transfer

DAY = "/counter/day/"
CANCELLATIONS = "/counter/cancellations/"


@pytest.fixture
def clerk(chen: User, browser: Browser) -> Client:
    return browser(chen)


@pytest.fixture
def opened(chen: User, order: ProductOrder, now: datetime) -> TillDay:
    """A day with 100 EUR at the opening and 5 EUR taken, of which 15 EUR were change."""
    day = till_open(by=chen, cash=Money(10_000), now=now)
    payment_begin(order=order, provider="cash", now=now)
    cash_take(code=order.code, clerk=chen, given=Money(2000), now=now)
    return day


def test_the_first_day_is_opened(clerk: Client, chen: User) -> None:
    assert "From the first one on, cash is taken only while the till is open." in words(clerk.get(DAY))
    response = clerk.post(DAY, {"do": "open", "cash": "1.150,00", "brought": "150"})
    assert (response.status_code, response.headers["Location"]) == (302, "/counter/")
    day = TillDay.objects.get()
    assert (day.float_minor, day.brought_minor, day.opened_by) == (115_000, 15_000, chen)
    assert "Cash at the opening €1,150.00" in words(clerk.get(DAY))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Count it and write the sum."),
        ({"cash": "much"}, "Write the amount like 12.50."),
        ({"cash": "-1"}, "Write an amount of zero or more, in EUR."),
        ({"cash": "10", "brought": "11"}, "it cannot be more than was counted."),
    ],
)
def test_what_cannot_be_opened(sent: dict[str, str], said: str, clerk: Client) -> None:
    response = clerk.post(DAY, {"do": "open", **sent})
    assert response.status_code == 400
    assert said in words(response)
    assert not TillDay.objects.exists()


def test_the_next_day_says_what_stayed(clerk: Client, opened: TillDay, chen: User, now: datetime) -> None:
    till_close(day=opened, by=chen, counted=Money(10_500), now=now)
    assert "By the books €105.00 are in it." in words(clerk.get(DAY))
    response = clerk.post(DAY, {"do": "open", "cash": "100"})
    assert response.status_code == 409
    assert "You counted €100.00, and €105.00 have to be there. Count again, or say why. Difference: -€5.00" in words(
        response
    )
    assert TillDay.objects.count() == 1
    assert clerk.post(DAY, {"do": "open", "cash": "100", "reason": "stamps"}).status_code == 302
    assert (TillDay.objects.count(), balances()["difference"]) == (2, 500)


def test_what_has_to_be_there_is_said_after_the_count(clerk: Client, opened: TillDay) -> None:
    shown = words(clerk.get(DAY))
    assert "105.00" not in shown
    assert "Cash that was taken (1)" in shown
    assert "Why it is not what the books say" not in shown


def close(clerk: Client, day: TillDay, **sent: Any) -> Any:
    return clerk.post(DAY, {"do": "close", "day": day.pk, **sent})


def test_a_day_that_is_right_is_closed_and_printed(clerk: Client, opened: TillDay) -> None:
    for _ in range(2):
        response = close(clerk, opened, piece_5000="2", piece_500="1", piece_1="0", banked="5")
        assert (response.status_code, response.headers["Location"]) == (302, f"{DAY}{opened.pk}/")
    text = words(clerk.get(f"{DAY}{opened.pk}/"))
    for part in (
        "Cash at the opening €100.00",
        "Cash taken €5.00",
        "Has to be there €105.00 Counted €105.00 Difference €0.00 Taken to the bank €5.00 Stays in the till €100.00",
        "2 × €50.00 €100.00 1 × €5.00 €5.00",
        "chen@example.org €5.00 €20.00 €15.00",
        "Signature",
    ):
        assert part in text
    assert "€105.00" in words(clerk.get(DAY))
    assert disagreement() == []


def test_a_day_that_is_off_wants_a_reason(clerk: Client, opened: TillDay) -> None:
    response = close(clerk, opened, counted="104.80")
    assert response.status_code == 409
    assert "You counted €104.80, and €105.00 have to be there." in words(response)
    assert "Difference: -€0.20 " in words(response)
    assert '<input type="hidden" name="expected" value="10500">' in response.content.decode()
    assert TillDay.objects.get().is_open

    assert close(clerk, opened, counted="104.80", expected="10500", reason="a coin rolled away").status_code == 302
    day = TillDay.objects.get()
    assert (day.difference, day.reason, day.left) == (Money(-20), "a coin rolled away", Money(10_480))
    shown = clerk.get(f"{DAY}{day.pk}/")
    assert "Why: a coin rolled away" in words(shown)
    assert "Difference -€0.20" in words(clerk.get(DAY))


def test_money_that_came_since_is_counted_again(clerk: Client, opened: TillDay, now: datetime) -> None:
    close(clerk, opened, counted="104.80")
    other = orders.order(now=now)
    payment_begin(order=other, provider="cash", now=now)
    cash_confirm(code=other.code, clerk=User.objects.get(email="chen@example.org"), now=now)
    response = close(clerk, opened, counted="104.80", expected="10500", reason="a coin rolled away")
    assert response.status_code == 409
    assert "Money came or went while you counted: now €110.00 have to be there. Count again." in words(response)
    assert 'name="expected"' not in response.content.decode()
    assert TillDay.objects.get().is_open


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Count it and write the sum."),
        ({"counted": "105", "piece_5000": "1"}, "The sum and the notes and coins are not the same."),
        ({"counted": "105", "banked": "106"}, "More than was counted cannot be taken to the bank."),
        ({"counted": "-1"}, "Write an amount of zero or more, in EUR."),
        ({"piece_5000": "-1"}, "Something is not right yet"),
        ({"piece_5000": "100000"}, "Something is not right yet"),
        ({"counted": "1e5"}, "Write the amount like 12.50."),
    ],
)
def test_what_cannot_be_closed(sent: dict[str, str], said: str, clerk: Client, opened: TillDay) -> None:
    response = close(clerk, opened, **sent)
    assert response.status_code == 400
    assert said in words(response)
    assert TillDay.objects.get().is_open


def test_a_sum_that_agrees_with_its_pieces_is_fine(clerk: Client, opened: TillDay) -> None:
    assert close(clerk, opened, counted="105", piece_10000="1", piece_500="1").status_code == 302
    assert TillDay.objects.get().pieces == {"10000": 1, "500": 1}


@pytest.mark.parametrize("number", ["", "x", "9" * 30, "-1"])
def test_a_day_that_is_no_day_is_not_closed(number: str, clerk: Client, opened: TillDay) -> None:
    response = clerk.post(DAY, {"do": "close", "day": number, "counted": "105"})
    assert response.status_code == 409
    assert TillDay.objects.get().is_open


def test_who_comes_second_reads_why(clerk: Client, opened: TillDay, dora: User, browser: Browser) -> None:
    text = words(browser(dora).post(DAY, {"do": "open", "cash": "7"}))
    assert "The till is open already. Close its day first." in text
    assert "Count and close" in text
    close(clerk, opened, counted="105")
    response = browser(dora).post(DAY, {"do": "close", "day": opened.pk, "counted": "104", "reason": "x"})
    assert response.status_code == 409
    assert "The till is closed. Open its day first." in words(response)
    assert TillDay.objects.get().counted_minor == 10_500


def test_an_open_day_is_not_printed(clerk: Client, opened: TillDay) -> None:
    response = clerk.get(f"{DAY}{opened.pk}/")
    assert (response.status_code, response.headers["Location"]) == (302, DAY)
    assert clerk.get(f"{DAY}{opened.pk + 1}/").status_code == 404


@pytest.mark.parametrize("path", [DAY, CANCELLATIONS])
def test_a_holder_has_no_till(path: str, opened: TillDay, page: Client) -> None:
    assert page.post(path, {"do": "close", "day": opened.pk, "counted": "105"}).status_code == 403
    assert TillDay.objects.get().is_open


# --- cash that is called off -----------------------------------------------------------------------------------------


@pytest.fixture
def asked(order: ProductOrder, chen: User, now: datetime) -> Cancellation:
    return cancellation_ask(code=paid(order, now).code, by=chen, reason="wrong order", now=now)


@pytest.fixture
def asked_too(opened: TillDay, order: ProductOrder, chen: User, now: datetime) -> Cancellation:
    """The same on a day that is open."""
    return cancellation_ask(code=order.code, by=chen, reason="wrong order", now=now)


def test_a_second_person_agrees(asked: Cancellation, clerk: Client, dora: User, browser: Browser) -> None:
    boss = browser(dora)
    assert "chen@example.org · Sun 22 Nov 2026 12:00 Why wrong order" in words(boss.get(CANCELLATIONS))
    for _ in range(2):
        text = words(boss.post(CANCELLATIONS, {"agree": asked.pk}, follow=True))
        assert "Called off. Now the cash has to be given back." in text
    assert "Cash to be given back" in text
    assert "chen@example.org → dora@example.org" in text
    asked.refresh_from_db()
    assert (asked.state, asked.consented_by) == ("consented", dora)
    assert Refund.objects.get().reason == "cash_cancelled"
    assert disagreement() == []


def test_who_asked_may_only_take_it_back(asked: Cancellation, clerk: Client) -> None:
    text = words(clerk.get(CANCELLATIONS))
    assert "Somebody else has to agree: not the person who asked." in text
    assert "I agree" not in text
    text = words(clerk.post(CANCELLATIONS, {"agree": asked.pk}, follow=True))
    assert "Somebody else has to agree: not the person who asked." in text
    asked.refresh_from_db()
    assert (asked.state, Refund.objects.count()) == ("asked", 0)
    assert "It stays as it is." in words(clerk.post(CANCELLATIONS, {"refuse": asked.pk}, follow=True))
    asked.refresh_from_db()
    assert asked.state == "withdrawn"


def test_when_it_is_too_late_there_is_nothing_to_agree_to(
    asked: Cancellation, dora: User, browser: Browser, now: datetime
) -> None:
    activation_begin(order=asked.attempt.order, now=now)
    Activation.objects.update(state="sent", sends=1)
    text = words(browser(dora).get(CANCELLATIONS))
    assert "The operator may know of this order already." in text
    assert "I agree" not in text
    text = words(browser(dora).post(CANCELLATIONS, {"agree": asked.pk}, follow=True))
    assert "The operator may know of this order already." in text
    assert "It stays as it is." in words(browser(dora).post(CANCELLATIONS, {"refuse": asked.pk}, follow=True))
    asked.refresh_from_db()
    assert (asked.state, asked.ended_by, Refund.objects.count()) == ("refused", dora, 0)


@pytest.mark.parametrize("sent", [{}, {"agree": "x"}, {"refuse": "9" * 30}, {"agree": "4711"}])
def test_a_number_of_nothing(sent: dict[str, str], asked: Cancellation, dora: User, browser: Browser) -> None:
    text = words(browser(dora).post(CANCELLATIONS, sent, follow=True))
    assert "Nobody asked to call this off." in text
    asked.refresh_from_db()
    assert asked.state == "asked"


def test_the_pages_are_light_and_safe(opened: TillDay, asked_too: Cancellation, clerk: Client) -> None:
    for path in (DAY, CANCELLATIONS, f"/counter/?code={asked_too.attempt.order.code}"):
        html = clerk.get(path).content.decode()
        assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", html)
        forms = re.findall(r'<form\b[^>]*method="post"[^>]*>(.*?)</form>', html, flags=re.S)
        assert [form for form in forms if "csrfmiddlewaretoken" not in form] == []
        assert transfer(clerk, path) < 100_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_the_clerks_language(
    language: str, opened: TillDay, order: ProductOrder, chen: User, browser: Browser, now: datetime
) -> None:
    clerk = browser(chen)
    clerk.post("/language/", {"language": language})
    english = english_texts() if language != "en" else frozenset()
    cancellation_ask(code=order.code, by=chen, reason="?", now=now)
    pages = [clerk.get(path) for path in ("/counter/", f"/counter/?code={order.code}", DAY, CANCELLATIONS)]
    pages += [close(clerk, opened, counted="1")]
    close(clerk, opened, counted="100", reason="?")
    pages += [clerk.get(DAY), clerk.get(f"{DAY}{opened.pk}/")]
    clerk.post(CANCELLATIONS, {"refuse": Cancellation.objects.get().pk})
    pages += [clerk.get(CANCELLATIONS)]
    assert [page.status_code for page in pages] == [200, 200, 200, 200, 409, 200, 200, 200]
    for place, page in enumerate(pages):
        assert_only(words(page), english, str(place))
