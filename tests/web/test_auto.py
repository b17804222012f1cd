"""The pages of automatic renewal and of saved cards."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.keeper.payments.returning import urls_of_saving
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.keeper.renewals.links import LIFE, stop_link
from lineaviva.keeper.renewals.models import AutoEvent, AutoRenewal, AutoRun
from lineaviva.kernel.clock import ROME
from tests.keeper.orders import factories as orders
from tests.keeper.renewals.conftest import World, world  # noqa: F401
from tests.web.conftest import LANGUAGES, Browser, hidden, words

# ruff: noqa: F811

SAID = {
    "zh-hans": "自动续期",
    "zh-hant": "自動續期",
    "it": "Rinnovo automatico",
    "en": "Automatic renewal",
}
SAVED = {
    "zh-hans": "已保存的银行卡",
    "zh-hant": "已儲存的卡片",
    "it": "Carte salvate",
    "en": "Saved cards",
}
AGREED = {"do": "on", "ceiling": "10.00", "lead_days": "7"}


@pytest.fixture
def home(anna: User, world: World, settings: Any) -> World:
    """Anna reads English, and the pretend bank's page is one to which a payer may be sent."""
    settings.STRIPE_API_BASE = "http://bank.test"
    return world


def path(world: World) -> str:
    return f"/lines/{world.line.pk}/auto/"


def agree(page: Client, home: World, **changes: str) -> Any:
    return page.post(path(home), {**AGREED, "method": str(home.card.pk), **changes})


def test_the_line_offers_it(home: World, page: Client) -> None:
    text = words(page.get(f"/lines/{home.line.pk}/"))
    assert "By a card that you save; we write to you two days before, and one tap stops it." in text
    assert "Let it renew by itself" in text


def test_where_nobody_keeps_cards_it_is_not_offered(home: World, page: Client, settings: Any) -> None:
    settings.SAVING_PROVIDERS = {}
    assert "Automatic renewal" not in words(page.get(f"/lines/{home.line.pk}/"))
    assert "Saved cards" in words(page.get("/settings/")), "the one that is there can be removed"
    SavedMethod.objects.all().delete()
    assert "Saved cards" not in words(page.get("/settings/"))
    assert "No card can be saved here." in words(page.get(path(home)))


def test_it_is_switched_on_and_says_what_will_happen(home: World, page: Client) -> None:
    text = words(page.get(path(home)))
    assert "I agree that Lineaviva charges what I chose above for this line" in text
    assert "What will happen next" not in text

    response = agree(page, home)
    assert (response.status_code, response.headers["Location"]) == (302, path(home))
    auto = AutoRenewal.objects.get()
    assert (auto.line, auto.payer, auto.method, auto.words) == (home.line, home.anna, home.card, "auto-2")
    assert (auto.ceiling_minor, auto.lead_days) == (1000, 7)

    home.work()
    text = words(page.get(path(home)))
    assert "Mon 22 Mar 2027 We write to you what it costs, with a button to stop it." in text
    assert "Wed 24 Mar 2027 We charge €5.00 and renew the line." in text
    assert "Wed 31 Mar 2027 The date of the line." in text
    assert "Mon 22 Mar 2027 We write to you" in words(page.get(f"/lines/{home.line.pk}/"))


def test_twice_what_it_costs_is_proposed(home: World, page: Client) -> None:
    body = page.get(path(home)).content.decode()
    assert 'name="ceiling" value="10.00"' in body
    assert 'name="lead_days" value="7"' in body


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ceiling": "0"}, "ceiling"),
        ({"ceiling": ""}, "ceiling"),
        ({"ceiling": "1.999"}, "ceiling"),
        ({"lead_days": "2"}, "lead_days"),
        ({"lead_days": "31"}, "lead_days"),
        ({"method": "999999"}, "method"),
        ({"method": ""}, "method"),
    ],
)
def test_terms_that_make_no_sense(home: World, page: Client, changes: dict[str, str], field: str) -> None:
    response = agree(page, home, **changes)
    assert response.status_code == 400
    assert f'id="id_{field}_error"' in response.content.decode()
    assert (AutoRenewal.objects.count(), AutoEvent.objects.count()) == (0, 0)


def test_it_is_changed_and_stopped(home: World, page: Client) -> None:
    agree(page, home)
    assert agree(page, home, do="change", ceiling="7.50", lead_days="10").status_code == 302
    auto = AutoRenewal.objects.get()
    assert (auto.ceiling_minor, auto.lead_days) == (750, 10)
    text = words(page.post(path(home), {"do": "stop"}, follow=True))
    assert "Stopped. Nothing more is charged by itself." in text
    auto.refresh_from_db()
    assert (auto.state, auto.off_reason) == ("off", "page")
    assert list(AutoEvent.objects.order_by("pk").values_list("kind", flat=True)) == ["on", "changed", "off"]
    assert agree(page, home, do="change").status_code == 400, "it is off"


def test_it_is_the_business_of_who_pays(home: World, page: Client, browser: Browser, bo: User, eve: User) -> None:
    agree(page, home)
    assert browser(eve).get(path(home)).status_code == 404
    now = home.clock.now()
    line_share(line=home.line, with_email=bo.email, right="pay", by=home.anna, now=now)
    theirs = browser(bo)
    text = words(theirs.get(path(home)))
    assert "What will happen next" in text
    assert "anna@example.org" in text
    assert "4242" not in text, "whose card it is, nobody else sees"
    assert "Stop it" not in text
    assert agree(theirs, home, do="change", ceiling="99.00").status_code == 400
    assert theirs.post(path(home), {"do": "stop"}).status_code == 403
    assert AutoRenewal.objects.get().state == "on"
    assert AutoRenewal.objects.get().ceiling_minor == 1000


# --- the link in the message ----------------------------------------------------------------------------------------


def test_one_tap_without_a_password_stops_it(home: World, page: Client, browser: Browser) -> None:
    agree(page, home)
    auto = AutoRenewal.objects.get()
    home.days(date(2027, 3, 21), date(2027, 3, 22))
    link, stranger = stop_link(auto=auto, now=home.clock.now()), browser(accept_language="en")
    seen = stranger.get(link)
    assert seen.status_code == 200
    assert "€5.00" in words(seen)
    assert home.line.msisdn[3:] not in seen.content.decode()
    auto.refresh_from_db()
    assert auto.state == "on", "a mail scanner has followed the link"

    for _ in range(2):
        text = words(stranger.post(link, follow=True))
        assert "Automatic renewal is off for this line. Nothing more is charged by itself." in text
    auto.refresh_from_db()
    assert (auto.state, auto.off_reason) == ("off", "link")
    assert AutoEvent.objects.filter(kind="off").count() == 1
    home.days(date(2027, 3, 23), date(2027, 3, 25))
    assert home.bank.asked == []


def test_a_link_that_is_none_of_ours_or_old_stops_nothing(home: World, page: Client, browser: Browser) -> None:
    agree(page, home)
    auto = AutoRenewal.objects.get()
    good = stop_link(auto=auto, now=home.clock.now())
    stranger = browser()
    assert stranger.post(good[:-2] + "/").status_code == 400
    home.clock.advance(LIFE)
    assert stranger.post(good).status_code == 400
    auto.refresh_from_db()
    assert auto.state == "on"


# --- the plan rather than the smallest top-up -----------------------------------------------------------------------


def with_plan(home: World) -> None:
    row = {"operator": "tim", "external_id": "casa-20", "kind": "plan", "name": "Casa 20", "price_minor": 1299}
    Offering.objects.create(key="tim:casa-20", extends=True, sellable=True, source="tmf620", period_months=1, **row)
    Line.objects.filter(pk=home.line.pk).update(plan="Casa 20", plan_expires_on=date(2026, 12, 18))


def test_where_the_plan_is_on_sale_it_can_be_chosen(home: World, page: Client) -> None:
    assert 'name="choice"' not in page.get(path(home)).content.decode(), "there is nothing to choose"
    with_plan(home)
    text = words(page.get(path(home)))
    assert "The smallest thing that keeps the number (TIM 5 €, €5.00) The same plan again (Casa 20, €12.99)" in text
    assert "A plan begins anew on the day it is bought: for a plan, few days." in text
    assert agree(page, home, choice="plan", ceiling="15.00", lead_days="3").status_code == 302
    auto = AutoRenewal.objects.get()
    assert (auto.choice, auto.ceiling_minor, auto.lead_days) == ("plan", 1500, 3)
    home.work()
    text = words(page.get(path(home)))
    assert "Tue 15 Dec 2026 We charge €12.99 and renew the line." in text
    assert agree(page, home, do="change", choice="keepalive", ceiling="15.00", lead_days="7").status_code == 302
    home.work()
    assert "Wed 24 Mar 2027 We charge €5.00 and renew the line." in words(page.get(path(home)))


@pytest.mark.parametrize(("choice", "ceiling"), [("plan", "12.98"), ("keepalive", "4.99")])
def test_less_than_it_costs_today_is_refused_at_once(home: World, page: Client, choice: str, ceiling: str) -> None:
    with_plan(home)
    response = agree(page, home, choice=choice, ceiling=ceiling)
    assert response.status_code == 400
    assert "It costs more than that today, so nothing would be charged. Allow more." in words(response)
    assert AutoRenewal.objects.count() == 0


def test_a_card_that_works_no_more_is_seen(home: World, page: Client) -> None:
    agree(page, home)
    SavedMethod.objects.update(state="broken")
    text = words(page.get(path(home)))
    assert "The card does not work any more: nothing can be charged. Choose another one below." in text


def test_stopped_while_it_is_charged_the_page_says_that_this_goes_on(home: World, page: Client) -> None:
    agree(page, home)
    home.work()
    now = home.clock.now()
    order = orders.order(line=home.line, now=now)
    AutoRun.objects.update(state="charging", order=order)
    key = {"number": 1, "provider": "cards", "idempotency_key": f"pay:{order.code}:1", "amount_minor": 500}
    order.attempts.create(saved=home.card, created_at=now, expires_at=now + timedelta(hours=1), **key)
    going = "This time's charge has begun and goes on. After that nothing more is charged by itself."
    assert going in words(page.post(path(home), {"do": "stop"}, follow=True)).replace("’", "'")
    link = stop_link(auto=AutoRenewal.objects.get(), now=home.clock.now())
    assert going in words(page.get(link)).replace("’", "'")


def test_where_the_bank_waits_for_the_holder_the_page_leads_to_the_order(home: World, page: Client) -> None:
    agree(page, home)
    home.bank.answers = ["not_confirmed"]
    home.days(date(2027, 3, 20), date(2027, 3, 24))
    seen = page.get(path(home))
    text = words(seen)
    assert "The payment was not confirmed with your bank. Nothing was charged." in text
    assert f"/orders/{AutoRun.objects.get().order.code}/" in seen.content.decode()  # type: ignore[union-attr]
    assert "We charge" not in text
    assert "we try once more" not in text
    assert "Stopped. Nothing more is charged by itself." in words(page.post(path(home), {"do": "stop"}, follow=True))


def test_a_price_above_the_ceiling_is_not_said_to_be_charged(home: World, page: Client) -> None:
    agree(page, home)
    home.work()
    Offering.objects.update(price_minor=1500)
    text = words(page.get(path(home)))
    assert "It costs €15.00; you allow at most €10.00. As long as that is so, nothing is charged." in text
    assert "We charge" not in text


# --- a card that is kept with a payment -----------------------------------------------------------------------------


def renew(page: Client, home: World, **more: Any) -> Any:
    """Through the second look, as a browser sends it."""
    seen = page.get(f"/lines/{home.line.pk}/renew/")
    answers: dict[str, Any] = {"quote": hidden(seen, "quote"), "pay": "cards", **more}
    sure = page.post(f"/lines/{home.line.pk}/renew/", answers)
    kept = re.findall(r'name="keep" value="(\w+)"', sure.content.decode())
    return page.post(f"/lines/{home.line.pk}/renew/", {**answers, "sure": home.line.msisdn[-4:], "keep": kept})


@pytest.fixture
def without_card(home: World) -> World:
    SavedMethod.objects.all().delete()
    return home


def test_the_box_is_empty_and_not_there_for_who_has_a_card(home: World, page: Client) -> None:
    assert 'name="keep"' not in page.get(f"/lines/{home.line.pk}/renew/").content.decode()
    SavedMethod.objects.all().delete()
    html = page.get(f"/lines/{home.line.pk}/renew/").content.decode()
    assert 'name="keep" value="yes" aria-describedby="keep-card-help">' in html, "nobody ticked it for them"


def test_a_card_is_kept_for_who_ticks_the_box(without_card: World, page: Client) -> None:
    home = without_card
    assert renew(page, home, keep=["no", "yes"]).headers["Location"] == "http://bank.test/"
    method = SavedMethod.objects.get()
    assert (method.state, method.words, method.holder, method.consented_at) == (
        "asked",
        "keep-1",
        home.anna,
        home.clock.now(),
    )
    assert "1881" not in words(page.get("/settings/")), "it has not paid yet"
    home.clock.advance(timedelta(seconds=5))
    home.work()
    method.refresh_from_db()
    assert (method.state, method.last4, method.saved_at) == ("active", "1881", home.clock.now())
    assert "Visa …1881 until 31 Dec 2034" in words(page.get("/settings/"))
    assert agree(page, home, method=str(method.pk)).status_code == 302


@pytest.mark.parametrize("said", [["no"], []])
def test_who_does_not_tick_it_has_none_kept(without_card: World, page: Client, said: list[str]) -> None:
    renew(page, without_card, keep=said)
    without_card.clock.advance(timedelta(seconds=5))
    without_card.work()
    assert SavedMethod.objects.count() == 0


def test_who_comes_by_a_link_is_not_asked_and_not_believed(without_card: World, browser: Browser) -> None:
    home = without_card
    stranger = browser()
    stranger.get(renewal_link(line=home.line, user=home.anna, now=home.clock.now()))
    assert 'name="keep"' not in stranger.get(f"/lines/{home.line.pk}/renew/").content.decode()
    renew(stranger, home, keep=["no", "yes"])
    assert SavedMethod.objects.count() == 0


# --- saved cards ----------------------------------------------------------------------------------------------------


def test_a_card_is_saved_on_the_banks_page(home: World, page: Client, settings: Any) -> None:
    SavedMethod.objects.all().delete()
    assert "First save a card" in words(page.get(path(home)))
    assert "No card is saved." in words(page.get("/settings/"))
    response = page.post("/settings/cards/add/")
    assert (response.status_code, response.headers["Location"]) == (302, "http://bank.test/")
    method = SavedMethod.objects.get()
    assert (method.holder, method.words, method.state) == (home.anna, "card-1", "opened")

    assert "A card is being saved." in words(page.get("/settings/?from=card"))
    home.work()
    method.refresh_from_db()
    assert method.state == "opened", "anybody can write such an address: only the bank's own way back is asked about"
    back = urls_of_saving(method).success.removeprefix(settings.PUBLIC_URL)
    assert "A card is being saved." in words(page.get(back))
    home.work()
    assert "Visa …4242 until 31 Dec 2034" in words(page.get("/settings/"))


def test_who_is_sent_to_a_page_that_is_not_the_banks_stays_here(home: World, page: Client, settings: Any) -> None:
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    response = page.post("/settings/cards/add/", follow=True)
    assert response.redirect_chain == [("/settings/", 302)]
    assert "The bank does not answer at the moment." in words(response)


def test_a_card_is_removed(home: World, page: Client) -> None:
    agree(page, home)
    assert "Renews: Mamma" in words(page.get("/settings/"))
    text = words(page.post(f"/settings/cards/{home.card.pk}/remove/", follow=True))
    assert "Removed. It will not be charged any more." in text
    home.card.refresh_from_db()
    assert home.card.state == "removing"
    assert page.post(f"/settings/cards/{home.card.pk}/remove/").status_code == 404


def test_nobody_removes_the_card_of_another(home: World, browser: Browser, eve: User) -> None:
    assert browser(eve).post(f"/settings/cards/{home.card.pk}/remove/").status_code == 404
    assert browser().post(f"/settings/cards/{home.card.pk}/remove/").status_code == 302
    assert browser().post("/settings/cards/add/").status_code == 302
    home.card.refresh_from_db()
    assert home.card.state == "active"
    assert SavedMethod.objects.count() == 1


def test_who_looks_while_the_card_is_charged_is_not_offered_to_pay_again(home: World, page: Client) -> None:
    now = home.clock.now()
    order = orders.order(line=home.line, now=now)
    order.attempts.create(
        number=1,
        provider="cards",
        saved=home.card,
        amount_minor=500,
        idempotency_key=f"pay:{order.code}:1",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    seen = page.get(f"/orders/{order.code}/")
    assert "We do not know yet whether you have paid" in words(seen)
    assert 'name="pay"' not in seen.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_in_every_language(home: World, page: Client, browser: Browser, language: str) -> None:
    page.post("/language/", {"language": language})
    before = words(page.get(path(home)))
    agree(page, home)
    home.days(date(2027, 3, 21), date(2027, 3, 22))
    auto = AutoRenewal.objects.get()
    stop = browser(accept_language=language).get(stop_link(auto=auto, now=home.clock.now()))
    assert [SAID[language] in text for text in (before, words(page.get(path(home))), words(stop))] == [True] * 3
    assert SAVED[language] in words(page.get("/settings/"))


def test_the_list_says_that_it_renews_by_itself_and_presses_nobody(home: World, page: Client) -> None:
    home.clock.move_to(datetime(2027, 3, 18, 12, tzinfo=ROME))
    assert "Renews by itself" not in words(page.get("/"))
    assert '<a class="button" href="/lines/' in page.get("/").content.decode(), "thirteen days are left"
    agree(page, home)
    home.work()
    seen = page.get("/")
    assert "then it only receives. Renews by itself" in words(seen)
    assert '<a class="button plain" href="/lines/' in seen.content.decode()
    page.post(path(home), {"do": "stop"})
    assert "Renews by itself" not in words(page.get("/"))
