"""From the list to the payment page: what is offered, what is ordered, and that twice is once."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.actions import language_set
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import promotion_add, quote_make
from lineaviva.keeper.catalogue.models import Offering, Quote
from lineaviva.keeper.lines.actions import line_change, line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.keeper.orders import factories as orders
from tests.web.conftest import BANK, Bank, Browser, hidden, words


def renew_path(line: Line) -> str:
    return f"/lines/{line.pk}/renew/"


# --- choosing -----------------------------------------------------------------------------------------------------


def test_the_number_stands_large_with_label_and_operator(mum: Line, offers: list[Offering], page: Client) -> None:
    html = page.get(renew_path(mum)).content.decode()
    assert '<p class="number">347 123 4567</p>' in html
    assert '<p class="who">Mum · TIM · SIM card</p>' in html


def test_the_cheapest_way_is_chosen_with_its_reason(mum: Line, offers: list[Offering], page: Client) -> None:
    text = words(page.get(renew_path(mum)))
    assert "TIM 5 € €5.00 The cheapest way to keep the number" in text
    assert "Full service until Mon 22 Nov 2027 ." in text
    assert "that is €5.00 a year." in text
    assert "No fees are added. This price is held until 12:30 ." in text
    assert "If the operator refuses, you get all of it back" in text


def test_other_choices_stand_beside_it_and_say_what_is_not_known(
    mum: Line, offers: list[Offering], page: Client
) -> None:
    text = words(page.get(renew_path(mum)))
    plan = text[text.index("Giga 100") :]
    assert plan.startswith("Giga 100 €9.99 for 1 month not known whether it moves the date Data 100 GB")
    assert "Minutes without limit SMS not known Calls to China not known Data in the EU not known" in plan
    elsewhere = text[text.index("Only at TIM itself") :]
    assert "Base price not known not known whether it moves the date" in elsewhere


def test_more_choices_ask_the_database_no_more(
    mum: Line, offers: list[Offering], page: Client, django_assert_max_num_queries: Any
) -> None:
    for euros in range(15, 60, 5):
        orders.offering(f"topup-{euros}", price=100 * euros)
    with django_assert_max_num_queries(20):
        page.get(renew_path(mum))


def test_a_list_shows_what_changed_and_speaks_each_readers_language(
    mum: Line, anna: User, offers: list[Offering], page: Client
) -> None:
    assert "TIM 10 € €10.00 moves the date" in words(page.get(renew_path(mum)))
    Offering.objects.filter(pk=offers[1].pk).update(price_minor=1100, extends=False, allowances={"sms": 7})
    assert "TIM 10 € €11.00 does not move the date" in words(page.get(renew_path(mum)))
    language_set(user=anna, language="it")
    assert "TIM 10 € 11,00 € non sposta la scadenza" in words(page.get(renew_path(mum)))


def test_to_order_and_to_look_at_the_order_cost_few_questions(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank], django_assert_max_num_queries: Any
) -> None:
    quote = hidden(page.get(renew_path(mum)), "quote")
    # Seven of them see to it that nobody pays too much, and not beside somebody else.
    with django_assert_max_num_queries(36):
        page.post(renew_path(mum), {"quote": quote, "pay": "stripe", "sure": "4567"})
    code = ProductOrder.objects.get().code
    with django_assert_max_num_queries(8):
        page.get(f"/orders/{code}/")


def test_another_choice_is_one_tap_away(mum: Line, offers: list[Offering], page: Client) -> None:
    html = page.get(renew_path(mum)).content.decode()
    links = re.findall(r'<a class="offer" href="([^"]+)" hx-get="([^"]+)"', html)
    assert [plain for plain, _ in links] == [f"{renew_path(mum)}?offering={x}" for x in ("topup-5", "topup-10", "giga")]
    assert all(plain == by_htmx for plain, by_htmx in links)
    text = words(page.get(links[2][0]))
    assert "Giga 100 €9.99 Whether this moves the date is not known." in text


def test_htmx_gets_only_the_middle(mum: Line, offers: list[Offering], page: Client) -> None:
    response = page.get(f"{renew_path(mum)}?offering=topup-10", headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert words(response).startswith("Renew this number 347 123 4567")
    assert Quote.objects.get(pk=hidden(response, "quote")).total_minor == 1000


def test_a_promotion_is_taken_off_by_the_quote(mum: Line, offers: list[Offering], page: Client, now: datetime) -> None:
    period = {"valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=1)}
    promotion_add(operator="tim", key="autumn", name="Autumn", off_minor=100, now=now, **period)  # type: ignore[arg-type]
    text = words(page.get(renew_path(mum)))
    assert "Price €5.00 Autumn −€1.00 Total €4.00" in text


@pytest.mark.parametrize("offering", ["none", "topup-5'", "../x", "x" * 300])
def test_an_offering_of_nobody(offering: str, mum: Line, offers: list[Offering], page: Client) -> None:
    response = page.get(renew_path(mum), {"offering": offering})
    assert response.status_code == 404
    assert "The operator does not sell this any more." in words(response)
    assert Quote.objects.count() == 0


def test_what_only_the_operator_sells_cannot_be_paid_here(mum: Line, offers: list[Offering], page: Client) -> None:
    response = page.get(renew_path(mum), {"offering": "shop-only"})
    assert "This offering cannot be bought here" in words(response)
    assert 'name="pay"' not in response.content.decode()


def test_an_operator_that_we_do_not_reach_is_explained(anna: User, page: Client) -> None:
    line = factories.line(holder=anna, operator="iliad")
    text = words(page.get(renew_path(line)))
    assert "Not from here" in text
    assert "Top up at the operator or in a shop, then tell us the day." in text
    assert "177" in text  # iliad's own customer care


def test_a_lost_number_is_not_sold_a_top_up(offers: list[Offering], anna: User, page: Client) -> None:
    line = factories.line(holder=anna, last_topup=date(2023, 9, 1))
    response = page.get(renew_path(line))
    assert "a top-up could reach a stranger" in words(response)
    assert 'name="pay"' not in response.content.decode()


def test_card_payment_is_offered_only_where_it_is_set_up(mum: Line, offers: list[Offering], page: Client) -> None:
    assert 'value="stripe"' not in page.get(renew_path(mum)).content.decode()


def test_a_list_price_is_held_for_this_browser(
    mum: Line, offers: list[Offering], page: Client, clock: FrozenClock
) -> None:
    first = hidden(page.get(renew_path(mum)), "quote")
    clock.advance(timedelta(minutes=20))
    assert hidden(page.get(renew_path(mum)), "quote") == first
    clock.advance(timedelta(minutes=6))
    assert hidden(page.get(renew_path(mum)), "quote") != first
    assert Quote.objects.count() == 2


# --- comparing ----------------------------------------------------------------------------------------------------


def test_plans_are_compared_by_what_is_needed(mum: Line, offers: list[Offering], page: Client) -> None:
    text = words(page.get(f"/lines/{mum.pk}/compare/", {"data_gb": "50", "minutes": "100"}))
    assert "Giga 100 TIM €9.99 a month fits" in text
    text = words(page.get(f"/lines/{mum.pk}/compare/", {"data_gb": "500"}))
    assert "Giga 100 TIM €9.99 a month not enough" in text
    text = words(page.get(f"/lines/{mum.pk}/compare/", {"calls_to_china": "on"}))
    assert "Giga 100 TIM €9.99 a month not known whether it fits" in text


def test_plans_of_others_are_shown_when_asked_for(mum: Line, offers: list[Offering], page: Client) -> None:
    Offering.objects.create(
        key="windtre:di-piu", operator="windtre", external_id="di-piu", kind="plan", name="Di Più", sellable=True
    )
    path = f"/lines/{mum.pk}/compare/"
    assert "Di Più" not in words(page.get(path))
    response = page.get(path, {"all_operators": "on"})
    assert "Di Più WindTre price not known" in words(response)
    assert response.content.decode().count(f'href="{renew_path(mum)}?offering=') == 1  # only the line's own operator


@pytest.mark.parametrize(("field", "value"), [("minutes", "-1"), ("data_gb", "many"), ("sms", "1e9"), ("sms", "9" * 9)])
def test_a_wrong_need_is_refused(field: str, value: str, mum: Line, page: Client) -> None:
    response = page.get(f"/lines/{mum.pk}/compare/", {field: value})
    assert response.status_code == 400
    assert f'id="id_{field}_error"' in response.content.decode()


# --- ordering -----------------------------------------------------------------------------------------------------


def test_pay_by_card_leads_to_the_banks_page(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank], anna: User
) -> None:
    response = page.post(
        renew_path(mum), {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "sure": "4567"}
    )
    order = ProductOrder.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == f"{BANK}{order.code}"
    assert (order.total_minor, order.placed_by, order.language, order.state) == (500, anna, "en", "placed")
    assert bank.begun == [f"pay:{order.code}:1"]


def test_pay_in_a_shop_leads_to_the_code(mum: Line, offers: list[Offering], page: Client) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "cash", "sure": "4567"}
    response = page.post(renew_path(mum), sent, follow=True)
    order = ProductOrder.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.code}/", 302)]
    text = words(response)
    assert f"{order.code[:4]}\xa0{order.code[4:]}" in response.content.decode()
    assert "Pay €5.00 in cash until Tue 24 Nov 2026 12:00 ." in text


def test_two_taps_are_one_order_and_one_payment(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank]
) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "sure": "4567"}
    assert page.post(renew_path(mum), sent).headers["Location"] == page.post(renew_path(mum), sent).headers["Location"]
    assert (ProductOrder.objects.count(), PaymentAttempt.objects.count(), len(bank.begun)) == (1, 1, 1)


def test_two_tabs_are_one_order(mum: Line, offers: list[Offering], page: Client, bank: type[Bank]) -> None:
    tabs = [page.get(renew_path(mum)) for _ in range(2)]
    for tab in tabs:
        page.post(renew_path(mum), {"quote": hidden(tab, "quote"), "pay": "stripe", "sure": "4567"})
    assert (ProductOrder.objects.count(), PaymentAttempt.objects.count()) == (1, 1)


def test_the_page_says_that_an_order_is_on_its_way(order: ProductOrder, page: Client) -> None:
    text = words(page.get(renew_path(order.line)))
    assert f"Order {order.code[:4]} {order.code[4:]} for this line is on its way already." in text


@pytest.mark.parametrize("quote", ["", "0", "999999", "-1", "one", "1" * 40, "٣"])
def test_a_quote_of_nobody_orders_nothing(quote: str, mum: Line, offers: list[Offering], page: Client) -> None:
    response = page.post(renew_path(mum), {"quote": quote, "pay": "cash"}, follow=True)
    assert response.redirect_chain == [(renew_path(mum), 302)]
    assert "The price was held for 30 minutes" in words(response)
    assert ProductOrder.objects.count() == 0


def test_another_persons_quote_orders_nothing(
    mum: Line, offers: list[Offering], page: Client, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    annas = hidden(page.get(renew_path(mum)), "quote")
    browser(bo).post(renew_path(mum), {"quote": annas, "pay": "cash", "sure": "4567"})
    assert ProductOrder.objects.count() == 0


def test_another_lines_quote_orders_nothing(mum: Line, offers: list[Offering], page: Client, anna: User) -> None:
    other = factories.line(holder=anna)
    quote = hidden(page.get(renew_path(other)), "quote")
    page.post(renew_path(mum), {"quote": quote, "pay": "cash", "sure": "4567"})
    assert ProductOrder.objects.count() == 0


def test_a_price_that_ended_is_shown_anew(mum: Line, offers: list[Offering], page: Client, clock: FrozenClock) -> None:
    quote = hidden(page.get(renew_path(mum)), "quote")
    clock.advance(timedelta(minutes=31))
    response = page.post(renew_path(mum), {"quote": quote, "pay": "cash"}, follow=True)
    assert "The price was held for 30 minutes and that time is over." in words(response)
    assert hidden(response, "quote") != quote
    assert ProductOrder.objects.count() == 0


@pytest.mark.parametrize("pay", ["", "bitcoin", "cash; drop"])
def test_a_way_to_pay_of_nobody(pay: str, mum: Line, offers: list[Offering], page: Client) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": pay}
    response = page.post(renew_path(mum), sent, follow=True)
    assert "There is no such way to pay." in words(response)
    assert (ProductOrder.objects.count(), PaymentAttempt.objects.count()) == (0, 0)


def test_a_payer_of_a_shared_line_orders_for_it(
    mum: Line, offers: list[Offering], anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    client = browser(bo)
    sent = {"quote": hidden(client.get(renew_path(mum)), "quote"), "pay": "cash", "sure": "4567"}
    assert client.post(renew_path(mum), sent, follow=True).status_code == 200
    assert ProductOrder.objects.get().placed_by == bo


def test_a_bank_that_does_not_answer_leaves_the_order_waiting(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank]
) -> None:
    bank.reachable = False
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "sure": "4567"}
    response = page.post(renew_path(mum), sent, follow=True)
    order = ProductOrder.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.code}/", 302)]
    assert "Go on to the payment page" in words(response)
    bank.reachable = True
    response = page.post(f"/orders/{order.code}/pay/", {"pay": "stripe"})
    assert response.headers["Location"] == f"{BANK}{order.code}"
    assert PaymentAttempt.objects.count() == 1


def test_a_payment_page_of_another_site_is_not_followed(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank], settings: Any
) -> None:
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "sure": "4567"}
    response = page.post(renew_path(mum), sent)
    assert response.headers["Location"] == f"/orders/{ProductOrder.objects.get().code}/"


# --- the right number ---------------------------------------------------------------------------------------------


def test_the_prefix_is_said_to_prove_nothing(mum: Line, offers: list[Offering], page: Client) -> None:
    text = words(page.get(renew_path(mum)))
    assert "The prefix does not prove the operator A number keeps its prefix when it moves" in text
    assert "We send it to TIM." in text
    assert f'href="/lines/{mum.pk}/edit/"' in page.get(renew_path(mum)).content.decode()


def test_a_number_that_is_new_here_is_shown_once_more(
    mum: Line, offers: list[Offering], page: Client, bank: type[Bank]
) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "profile": "keep"}
    response = page.post(renew_path(mum), sent)
    assert response.status_code == 200
    assert '<p class="number">347 123 <mark>4567</mark></p>' in response.content.decode()
    text = words(response)
    assert "Mum · TIM Product TIM 5 € Total €5.00" in text
    assert "Yes, it ends in 4567 No, go back" in text
    assert (ProductOrder.objects.count(), Quote.objects.get().used_at, bank.begun) == (0, None, [])
    again = {name: hidden(response, name) for name in ("quote", "profile", "sure")}
    order_page = page.post(renew_path(mum), {**again, "pay": "stripe"})
    assert order_page.headers["Location"] == f"{BANK}{ProductOrder.objects.get().code}"
    # Once it is ordered nobody asks again, neither here nor on the order's page.
    assert page.post(renew_path(mum), sent).headers["Location"] == order_page.headers["Location"]
    assert (ProductOrder.objects.count(), len(bank.begun)) == (1, 1)


@pytest.mark.parametrize("sure", ["", "yes", "4568", "1234567", "４５６７"])
def test_only_these_four_digits_are_a_yes(sure: str, mum: Line, offers: list[Offering], page: Client) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "cash", "sure": sure}
    assert "Look once more" in words(page.post(renew_path(mum), sent))
    assert ProductOrder.objects.count() == 0


@pytest.fixture
def again(receipt: Receipt, page: Client) -> dict[str, str]:
    """What the form sends for a number that was renewed here before."""
    return {"quote": hidden(page.get(renew_path(receipt.order.line)), "quote"), "pay": "cash"}


def test_a_number_that_was_renewed_here_is_ordered_at_once(
    again: dict[str, str], mum: Line, offers: list[Offering], page: Client
) -> None:
    assert page.post(renew_path(mum), again).status_code == 302
    assert ProductOrder.objects.count() == 2


@pytest.mark.parametrize(
    "change", [{"label": "Dad"}, {"operator": "vodafone"}], ids=["another name", "another operator"]
)
def test_but_not_after_it_was_changed(
    change: dict[str, str], receipt: Receipt, mum: Line, anna: User, page: Client, now: datetime
) -> None:
    line_change(line=mum, by=anna, now=now, **change)  # type: ignore[arg-type]
    quote = quote_make(line=mum, offering=orders.offering(operator=mum.operator), by=anna, now=now)
    response = page.post(renew_path(mum), {"quote": quote.pk, "pay": "cash"})
    assert "Look once more" in words(response)
    assert ProductOrder.objects.count() == 1


def test_what_one_payer_renewed_is_new_to_another(
    receipt: Receipt, mum: Line, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=mum, with_email=bo.email, right="pay", by=anna, now=now)
    client = browser(bo)
    sent = {"quote": hidden(client.get(renew_path(mum)), "quote"), "pay": "cash"}
    response = client.post(renew_path(mum), sent)
    assert '<p class="number">••• <mark>4567</mark></p>' in response.content.decode()
    assert f"/lines/{mum.pk}/edit/" not in response.content.decode()
    assert ProductOrder.objects.count() == 1


def test_too_much_for_a_new_number_is_told_before_it_is_ordered(mum: Line, anna: User, page: Client) -> None:
    orders.offering("topup-60", price=6000)
    response = page.get(renew_path(mum), {"offering": "topup-60"})
    text = words(response)
    assert "As long as nothing has arrived at this number by way of us, at most €50.00 can be ordered for it." in text
    assert 'name="pay"' not in response.content.decode()
    sent = {"quote": Quote.objects.get().pk, "pay": "cash", "sure": "4567"}
    response = page.post(renew_path(mum), sent, follow=True)
    assert "at most €50.00 can be ordered for it." in words(response)
    assert (ProductOrder.objects.count(), Quote.objects.get(pk=sent["quote"]).used_at) == (0, None)


def test_a_full_day_says_when_there_is_room_again(
    receipt: Receipt, mum: Line, page: Client, clock: FrozenClock
) -> None:
    orders.offering("topup-200", price=20000)
    text = words(page.get(renew_path(mum), {"offering": "topup-200"}))
    said = (
        "At most €200.00 within 24 hours can be ordered for one number. There is room for this amount from Mon 23 Nov"
    )
    assert f"{said} 2026 12:00 on." in text
    clock.advance(timedelta(hours=24))
    assert 'name="pay"' in page.get(renew_path(mum), {"offering": "topup-200"}).content.decode()


def test_a_way_to_pay_that_is_switched_off_orders_nothing(mum: Line, offers: list[Offering], page: Client) -> None:
    sent = {"quote": hidden(page.get(renew_path(mum)), "quote"), "pay": "stripe", "sure": "4567"}
    response = page.post(renew_path(mum), sent, follow=True)
    assert "This way to pay is switched off here." in words(response)
    assert (ProductOrder.objects.count(), PaymentAttempt.objects.count()) == (0, 0)


# --- from a reminder ----------------------------------------------------------------------------------------------


@pytest.fixture
def link(mum: Line, offers: list[Offering], anna: User, now: datetime) -> str:
    return renewal_link(line=mum, user=anna, now=now)


def test_a_reminders_link_renews_without_a_password(link: str, mum: Line, anna: User, browser: Browser) -> None:
    stranger = browser(accept_language="en")
    response = stranger.get(link, follow=True)
    assert response.redirect_chain == [(renew_path(mum), 302)]
    sent = {"quote": hidden(response, "quote"), "pay": "cash", "sure": "4567"}
    response = stranger.post(renew_path(mum), sent, follow=True)
    order = ProductOrder.objects.get()
    assert response.redirect_chain == [(f"/orders/{order.code}/", 302)]
    assert order.placed_by == anna
    assert "Say or show this code in the shop" in words(response)
    assert stranger.post(f"/orders/{order.code}/cancel/", follow=True).status_code == 200
    assert ProductOrder.objects.get().state == "cancelled"


def test_the_link_goes_on_with_the_order_on_another_device(link: str, mum: Line, browser: Browser) -> None:
    """There it is one order and one code, too; the order's page opens once that device went on with it."""
    phone, desk = browser(accept_language="en"), browser(accept_language="en")
    sent = {"quote": hidden(phone.get(link, follow=True), "quote"), "pay": "cash", "sure": "4567"}
    phone.post(renew_path(mum), sent)
    code = ProductOrder.objects.get().code
    response = desk.get(link, follow=True)
    assert f"Order {code[:4]} {code[4:]} for this line is on its way already." in words(response)
    assert f"/orders/{code}/" not in response.content.decode()
    response = desk.post(renew_path(mum), {"quote": hidden(response, "quote"), "pay": "cash"}, follow=True)
    assert response.redirect_chain == [(f"/orders/{code}/", 302)]
    assert (ProductOrder.objects.count(), PaymentAttempt.objects.count()) == (1, 1)


def test_it_opens_nothing_else(link: str, order: ProductOrder, mum: Line, anna: User, browser: Browser) -> None:
    other = factories.line(holder=anna)
    stranger = browser(accept_language="en")
    stranger.get(link)
    assert "Sign in or begin" in words(stranger.get("/"))
    for path in (f"/lines/{mum.pk}/", f"/lines/{mum.pk}/edit/", "/receipts/", "/settings/", "/lines/export/"):
        assert stranger.get(path).headers["Location"].startswith("/account/login/")
    for path in (renew_path(other), f"/orders/{order.code}/", f"/orders/{order.code}/receipt/"):
        assert stranger.get(path).status_code == 404
    assert stranger.post(f"/orders/{order.code}/pay/", {"pay": "cash"}).status_code == 404
    assert PaymentAttempt.objects.count() == 0


def test_it_shows_only_the_last_four_digits(link: str, browser: Browser) -> None:
    text = words(browser().get(link, follow=True))
    assert "••• 4567" in text
    assert "347" not in text


def test_it_ends_after_48_hours(link: str, mum: Line, browser: Browser, clock: FrozenClock) -> None:
    early = browser(accept_language="en")
    early.get(link)
    clock.advance(timedelta(hours=48))
    assert early.get(renew_path(mum)).headers["Location"].startswith("/account/login/")
    response = browser(accept_language="en").get(link)
    assert response.status_code == 400
    assert "This link is no longer valid." in words(response)


@pytest.mark.parametrize("token", ["x", "a:b:c", "W10:abc", "%00", "é"])
def test_a_forged_link_opens_nothing(token: str, mum: Line, browser: Browser) -> None:
    stranger = browser(accept_language="en")
    response = stranger.get(f"/r/{token}/")
    assert response.status_code == 400
    assert "This link is not one of ours, or it was cut short." in words(response)
    assert stranger.get(renew_path(mum)).status_code == 302


def test_a_link_of_a_line_that_is_gone(link: str, mum: Line, page: Client, browser: Browser) -> None:
    page.post(f"/lines/{mum.pk}/remove/")
    assert browser().get(link).status_code == 404


def test_a_link_of_a_person_who_is_gone(link: str, anna: User, mum: Line, browser: Browser) -> None:
    stranger = browser()
    stranger.get(link)
    User.objects.update(is_active=False)
    assert stranger.get(renew_path(mum)).status_code == 404


def test_a_scanner_that_follows_the_link_changes_nothing(link: str, mum: Line, browser: Browser) -> None:
    scanner = browser()
    scanner.head(link)
    scanner.get(link)
    assert (Quote.objects.count(), ProductOrder.objects.count()) == (0, 0)


def test_the_link_works_for_somebody_else_who_is_signed_in(
    link: str, mum: Line, anna: User, eve: User, browser: Browser
) -> None:
    client = browser(eve)
    assert client.get(renew_path(mum)).status_code == 404
    client.get(link)
    response = client.get(renew_path(mum))
    client.post(renew_path(mum), {"quote": hidden(response, "quote"), "pay": "cash", "sure": "4567"})
    assert ProductOrder.objects.get().placed_by == anna
    assert client.get(f"/lines/{mum.pk}/").status_code == 404


def test_the_link_is_not_followed_too_often(link: str, browser: Browser) -> None:
    client = browser(accept_language="en")
    answers = [client.get(link).status_code for _ in range(21)]
    assert answers == [302] * 20 + [429]
