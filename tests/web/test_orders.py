"""The order's page from placed to active, how it looks again by itself, and what it says when something fails."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.activation.actions import activation_begin, activation_fail
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import returning
from lineaviva.keeper.payments.actions import payment_begin, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.money import Money
from tests.keeper.orders import factories as orders
from tests.web.conftest import BANK, Bank, Browser, active, paid, words

HTMX = {"HX-Request": "true"}


def path(order: ProductOrder) -> str:
    return f"/orders/{order.code}/"


def steps(response: Any) -> list[str]:
    """Each step of the time line as text."""
    html = response.content.decode()
    line = html[html.index('<ol class="steps">') : html.index("</ol>")]
    return [" ".join(re.sub(r"<[^>]+>", " ", step).split()) for step in line.split("<li>")[1:]]


def poll(response: Any) -> tuple[str, int] | None:
    """Where and in how many seconds the page asks again; None where it does not."""
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every (\d+)s, network from:body"', response.content.decode())
    return (found[1].replace("&amp;", "&"), int(found[2])) if found else None


# --- what it shows ------------------------------------------------------------------------------------------------


def test_a_placed_order_waits_for_a_way_to_pay(order: ProductOrder, page: Client) -> None:
    response = page.get(path(order))
    assert steps(response) == ["Ordered 12:00:00", "Payment", "Sent to the operator", "Active"]
    assert "Waiting for payment" in words(response)
    assert 'value="cash"' in response.content.decode()
    assert poll(response) is None


def test_a_cash_order_shows_its_code(order: ProductOrder, page: Client, now: datetime) -> None:
    payment_begin(order=order, provider="cash", now=now)
    response = page.get(path(order))
    assert f'<p class="code">{order.code[:4]}\xa0{order.code[4:]}</p>' in response.content.decode()
    assert "Pay €5.00 in cash until Tue 24 Nov 2026 12:00 ." in words(response)
    assert poll(response) is not None


def test_a_paid_order_is_on_its_way(order: ProductOrder, page: Client, now: datetime) -> None:
    paid(order, now)
    response = page.get(path(order))
    assert steps(response) == ["Ordered 12:00:00", "Paid 12:00:20", "Sent to the operator", "Active"]
    assert "This page looks again by itself." in words(response)
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in response.content.decode()


def test_an_active_order_shows_its_new_dates(order: ProductOrder, page: Client, now: datetime) -> None:
    active(order, now)
    text = words(page.get(path(order)))
    assert "New dates Full service until Mon 22 Nov 2027 (was 4 Dec 2026 )" in text
    assert "Operator's reference TIM-0000012345" in text
    assert "The receipt is being written" in text


def test_with_its_receipt_it_has_arrived(receipt: Receipt, page: Client) -> None:
    response = page.get(path(receipt.order))
    text = words(response)
    assert steps(response) == ["Ordered 12:00:00", "Paid 12:00:20", "Sent to the operator 12:00:21", "Active 12:00:22"]
    assert f"Receipt {receipt.full_number} Download (PDF)" in text
    assert poll(response) is None
    assert "http-equiv" not in response.content.decode()


def test_times_of_another_day_carry_their_date(receipt: Receipt, page: Client, clock: FrozenClock) -> None:
    clock.advance(timedelta(days=3))
    assert steps(page.get(path(receipt.order)))[0] == "Ordered Sun 22 Nov 2026 12:00"


def test_a_lost_answer_is_named_and_promised(order: ProductOrder, page: Client, now: datetime) -> None:
    activation = activation_begin(order=paid(order, now), now=now)
    assert activation is not None
    activation.state, activation.sent_at = "unknown", now + timedelta(seconds=21)
    activation.look_at = now + timedelta(minutes=5)
    activation.save()
    response = page.get(path(order))
    assert "Paid; the operator's answer is missing" in words(response)
    assert (
        "We do not send it twice and do not give the money back before we know. We ask again at 12:05:00 ."
        in (steps(response)[2])
    )
    Activation.objects.update(stuck_reason="asked for two days")
    assert "A person of ours looks at it now and writes to you." in steps(page.get(path(order)))[2]


def test_a_refused_order_gives_the_money_back(order: ProductOrder, page: Client, now: datetime) -> None:
    activation = activation_begin(order=paid(order, now), now=now)
    assert activation is not None
    activation_fail(activation=activation, result=Result("failed", reason="blocked"), now=now)
    response = page.get(path(order))
    assert "Not activated: your money is on its way back" in words(response)
    refused, money = steps(response)[2:]
    assert refused.startswith("Refused by the operator The line was not renewed. All you paid goes back")
    assert money == "Money on its way back"
    assert "TIM, in Italy 119" in words(response)
    assert "Renew again" in words(response)


def test_a_declined_card_can_be_tried_again(order: ProductOrder, page: Client, bank: type[Bank], now: datetime) -> None:
    attempt = payment_begin(order=order, provider="stripe", now=now)
    payment_settle(attempt=attempt, status=Status("failed", reason="insufficient_funds"), now=now)
    response = page.get(path(order))
    assert "The payment did not go through" in words(response)
    assert "There is not enough money on this card. Nothing was charged." in words(response)
    again = page.post(f"{path(order)}pay/", {"pay": "stripe"})
    assert again.headers["Location"] == f"{BANK}{order.code}"
    assert bank.begun == [f"pay:{order.code}:1", f"pay:{order.code}:2"]


def test_after_a_decline_it_can_be_paid_in_a_shop(
    order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    payment_begin(order=order, provider="stripe", now=now)
    response = page.post(f"{path(order)}pay/", {"pay": "cash"}, follow=True)
    assert "Say or show this code in the shop" in words(response)
    assert list(PaymentAttempt.objects.values_list("provider", "state").order_by("number")) == [
        ("stripe", "expired"),
        ("cash", "open"),
    ]


# --- what the bank has answered -----------------------------------------------------------------------------------


def buttons(response: Any) -> list[str]:
    """The ways to pay that the page offers."""
    return re.findall(r'name="pay" value="(\w+)"', response.content.decode())


@pytest.fixture
def begun(order: ProductOrder, bank: type[Bank], now: datetime) -> PaymentAttempt:
    """Anna is on the bank's page, or was; the connection broke."""
    return payment_begin(order=order, provider="stripe", now=now)


def test_a_bank_that_has_not_answered(begun: PaymentAttempt, order: ProductOrder, page: Client) -> None:
    response = page.get(path(order))
    text = words(response)
    assert "Your bank has not answered yet" in text
    assert "you are charged only once" in text
    assert "The payment that was begun is closed at the bank first. You cannot be charged by both." in text
    assert buttons(response) == ["stripe", "cash"]
    assert f"/orders/{order.code}/</code>" in response.content.decode()
    assert poll(response) is not None


@pytest.mark.parametrize("trouble", ["no answer", "a broken step", "its time is over"])
def test_while_nobody_knows_there_is_no_other_way_to_pay(
    trouble: str, begun: PaymentAttempt, order: ProductOrder, page: Client, now: datetime
) -> None:
    seen = poll(page.get(path(order)))
    assert seen is not None
    changes = {"no answer": {"delays": 1}, "a broken step": {"failures": 1}, "its time is over": {"expires_at": now}}
    PaymentAttempt.objects.update(**changes[trouble])
    response = page.get(path(order))
    assert "We do not know yet whether you have paid" in words(response)
    assert "Do not pay again" in words(response)
    assert buttons(response) == []
    assert poll(response) is not None
    listed = page.get("/")
    assert ("See order" in words(listed), "Pay now" in words(listed)) == (True, False)
    told = page.get(seen[0], headers=HTMX)  # a page that is open learns it by itself
    assert "We do not know yet whether you have paid" in words(told)


def test_nor_is_there_by_another_door_or_while_the_bank_works_on_it(
    begun: PaymentAttempt, order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    bank.status = Status("processing")
    response = page.post(f"{path(order)}pay/", {"pay": "cash"}, follow=True)
    assert "The payment that was begun is not certainly closed yet." in words(response)
    assert list(PaymentAttempt.objects.values_list("provider", "state")) == [("stripe", "open")]
    assert "We do not know yet whether you have paid" in words(response)
    assert buttons(response) == []
    payment_settle(attempt=begun, status=Status("open"), now=now)
    assert buttons(page.get(path(order))) == ["stripe", "cash"]


def test_a_page_that_never_opened_has_charged_nobody(
    order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    bank.reachable = False
    payment_begin(order=order, provider="stripe", now=now)
    PaymentAttempt.objects.update(delays=3)
    response = page.get(path(order))
    assert "The payment page did not open" in words(response)
    assert "Nothing was charged: the payment page could not be opened yet." in words(response)
    assert buttons(response) == ["stripe", "cash"]


def test_a_bank_that_has_answered(
    begun: PaymentAttempt, order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    payment_settle(attempt=begun, status=Status("expired", reason="not_paid_in_time"), now=now)
    response = page.get(path(order))
    assert "This payment is closed. It was not paid in time. Nothing was charged." in words(response)
    assert buttons(response) == ["stripe", "cash"]
    amount = Money(begun.amount_minor)
    payment_settle(attempt=begun, status=Status("succeeded", amount, charge_ref="ch_1"), now=now)
    response = page.get(path(order))
    assert "Your bank has answered: the money is here. You can close this page." in steps(response)[1]
    assert buttons(response) == []


def test_it_goes_on_at_the_same_address_on_any_device(
    begun: PaymentAttempt, order: ProductOrder, anna: User, browser: Browser
) -> None:
    other = browser(accept_language="en")
    asked = other.get(path(order))
    assert asked.headers["Location"] == f"/account/login/?next={path(order)}"
    other.force_login(anna)
    assert "Your bank has not answered yet" in words(other.get(path(order)))
    gone_on = other.post(f"{path(order)}pay/", {"pay": "stripe"})
    assert gone_on.headers["Location"] == f"{BANK}{order.code}"
    assert PaymentAttempt.objects.count() == 1


def test_cancelled_while_the_bank_may_have_the_money(begun: PaymentAttempt, order: ProductOrder, page: Client) -> None:
    response = page.post(f"{path(order)}cancel/", follow=True)
    assert "Cancelled. If your bank has taken money for it, that goes back by itself." in words(response)
    assert ProductOrder.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("state", "headline"),
    [("expired", "Not paid in time"), ("cancelled", "Cancelled"), ("refunded", "your money was given back")],
)
def test_an_end_says_so_and_offers_to_begin_anew(
    state: str, headline: str, order: ProductOrder, page: Client, now: datetime
) -> None:
    ProductOrder.objects.update(state=state, closed_at=now)
    response = page.get(path(order))
    assert headline in words(response)
    assert "Renew again" in words(response)
    assert poll(response) is None


# --- coming back from the bank ------------------------------------------------------------------------------------


def test_the_bank_is_asked_as_soon_as_the_payer_is_back(
    order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    attempt = payment_begin(order=order, provider="stripe", now=now)
    PaymentAttempt.objects.update(look_at=now + timedelta(minutes=4))
    page.get(path(order))
    attempt.refresh_from_db()
    assert attempt.look_at == now + timedelta(minutes=4)
    response = page.get(back(attempt))
    attempt.refresh_from_db()
    assert attempt.look_at == now
    assert "you are charged only once" in words(response)


def back(attempt: PaymentAttempt, /, **instead: str) -> str:
    """Where the payer's browser comes back to, with other parameters where they are named."""
    url = urlsplit(returning.urls_of(attempt).success)
    assert dict(parse_qsl(url.query)).keys() == {"from", "attempt", "sign"}
    return f"{url.path}?{urlencode({**dict(parse_qsl(url.query)), **instead})}"


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param({"sign": ""}, id="not signed"),
        pytest.param({"sign": "x" * 43}, id="signed by nobody"),
        pytest.param({"sign": "\u5b57"}, id="not even a signature"),
        pytest.param({"attempt": "2"}, id="of another attempt"),
        pytest.param({"attempt": "\u0661"}, id="a digit of another script"),
        pytest.param({"attempt": "9" * 40}, id="no number of ours"),
    ],
)
def test_an_address_that_we_did_not_give_out_is_a_visit_like_any(
    instead: dict[str, str], order: ProductOrder, page: Client, bank: type[Bank], now: datetime
) -> None:
    attempt = payment_begin(order=order, provider="stripe", now=now)
    PaymentAttempt.objects.update(look_at=now + timedelta(minutes=4))
    response = page.get(back(attempt, **instead))
    attempt.refresh_from_db()
    assert (response.status_code, attempt.look_at) == (200, now + timedelta(minutes=4))


def test_a_signature_is_of_one_order_only_and_what_paypal_adds_is_in_nobodys_way(
    order: ProductOrder, mum: Line, page: Client, bank: type[Bank], now: datetime
) -> None:
    attempt = payment_begin(order=order, provider="stripe", now=now)
    other = orders.order(line=mum, price=1000)
    payment_begin(order=other, provider="stripe", now=now, beside=[order.code])
    PaymentAttempt.objects.update(look_at=now + timedelta(minutes=4))
    page.get(back(attempt).replace(order.code, other.code))
    page.get(back(attempt, token="EC-1", PayerID="PRETEND7PAYER"))
    looks = dict(PaymentAttempt.objects.values_list("order__code", "look_at"))
    assert looks == {order.code: now, other.code: now + timedelta(minutes=4)}


# --- looking again ------------------------------------------------------------------------------------------------


def test_nothing_is_sent_again_that_was_seen(order: ProductOrder, page: Client, now: datetime) -> None:
    paid(order, now)
    first = poll(page.get(path(order)))
    assert first == (f"{path(order)}?seen=paid.succeeded..00&n=0", 2)
    response = page.get(first[0], headers=HTMX)
    assert words(response) == ""
    assert poll(response) == (f"{path(order)}?seen=paid.succeeded..00&n=1", 2)


def test_what_changed_is_swapped_in_and_said_aloud(order: ProductOrder, page: Client, now: datetime) -> None:
    active(order, now)
    response = page.get(f"{path(order)}?seen=paid.succeeded..00&n=9", headers=HTMX)
    html = response.content.decode()
    assert "<html" not in html
    assert '<div id="status" hx-swap-oob="innerHTML">' in html
    assert '<p id="said" hx-swap-oob="innerHTML">Active</p>' in html
    assert poll(response) == (f"{path(order)}?seen=active.succeeded.succeeded.00&n=0", 2)


def test_at_the_end_it_stops_asking(receipt: Receipt, page: Client) -> None:
    response = page.get(f"{path(receipt.order)}?seen=active.succeeded.succeeded.00&n=3", headers=HTMX)
    assert poll(response) is None
    assert '<div id="poll"></div>' in response.content.decode()


@pytest.mark.parametrize(("n", "wait"), [("14", 5), ("40", 60), ("119", None), ("-1", 2), ("x", 2), ("9" * 99, 2)])
def test_it_asks_ever_more_rarely(n: str, wait: int | None, order: ProductOrder, page: Client, now: datetime) -> None:
    paid(order, now)
    response = page.get(path(order), {"seen": "paid.succeeded..00", "n": n}, headers=HTMX)
    found = poll(response)
    assert (found[1] if found else None) == wait


# --- acting -------------------------------------------------------------------------------------------------------


def test_an_unpaid_order_is_cancelled(order: ProductOrder, page: Client) -> None:
    response = page.post(f"{path(order)}cancel/", follow=True)
    assert "Cancelled. Nothing was charged." in words(response)
    order.refresh_from_db()
    assert order.state == "cancelled"


def test_a_paid_order_is_not(order: ProductOrder, page: Client, now: datetime) -> None:
    paid(order, now)
    assert "Cancel this order" not in words(page.get(path(order)))
    page.post(f"{path(order)}cancel/")
    order.refresh_from_db()
    assert order.state == "paid"


def test_a_closed_order_is_not_paid(order: ProductOrder, page: Client) -> None:
    page.post(f"{path(order)}cancel/")
    response = page.post(f"{path(order)}pay/", {"pay": "cash"}, follow=True)
    assert response.redirect_chain == [(path(order), 302)]
    assert PaymentAttempt.objects.count() == 0


def test_the_code_is_found_however_it_is_typed(order: ProductOrder, page: Client) -> None:
    assert page.get(f"/orders/{order.code.lower()}/").status_code == 200
    assert page.get(f"/orders/{order.code[:4]}-{order.code[4:]}/").status_code == 200


@pytest.mark.parametrize("code", ["XXXXXXXX", "1", "a" * 200, "2K7M5FPW"])
def test_a_code_of_nobody(code: str, order: ProductOrder, page: Client) -> None:
    response = page.get(f"/orders/{code}/")
    assert response.status_code == 404
    assert "There is no order with this code." in words(response)


@pytest.mark.parametrize("what", ["pay", "cancel", "receipt/send"])
def test_acts_are_posted(what: str, order: ProductOrder, page: Client) -> None:
    assert page.get(f"{path(order)}{what}/").status_code == 405


def test_the_whole_way_by_the_agenda(order: ProductOrder, page: Client, now: datetime, clock: FrozenClock) -> None:
    """Without an operator to reach the order stays paid; the page goes on asking and tells no untruth."""
    paid(order, now)
    agenda.run_due(clock.now())
    response = page.get(path(order))
    assert steps(response)[1].startswith("Paid ")
    assert "Active" == steps(response)[3]
