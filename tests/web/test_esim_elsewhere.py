"""Where an eSIM shows on the other pages: the renewal asks for it, the order, the line and the list lead to it."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.reminders.links import renewal_link
from lineaviva.keeper.web import rules
from tests import factories
from tests.keeper.orders import factories as orders
from tests.web import profiles
from tests.web.conftest import Browser, hidden, words
from tests.web.profiles import Profiles
from tests.web.test_orders import poll, steps


@pytest.fixture
def server(settings: Any) -> type[Profiles]:
    return profiles.use(settings)


@pytest.fixture
def uni(anna: User, server: type[Profiles], now: datetime) -> Line:
    """Anna's TIM eSIM, for which "Giga 100" can be bought."""
    profiles.plan()
    return profiles.line(anna, now)


@pytest.fixture
def ready(uni: Line, now: datetime) -> Delivery:
    return profiles.delivered(uni, now)


# --- renewing -----------------------------------------------------------------------------------------------------


def chosen(response: Any) -> dict[str, bool]:
    """The two answers of the renewal form and which one is ticked."""
    found = re.findall(r'<input type="radio" name="profile" value="(\w+)"[^>]*?( checked)?>', response.content.decode())
    return {value: bool(checked) for value, checked in found}


def renew(client: Client, line: Line, **sent: str) -> ProductOrder:
    path = f"/lines/{line.pk}/renew/"
    quote = hidden(client.get(path, {"offering": "giga"}), "quote")
    client.post(path, {"quote": quote, "pay": "cash", "sure": line.msisdn[-4:], **sent})
    return ProductOrder.objects.latest("pk")


def test_a_new_esim_line_is_offered_its_profile(uni: Line, page: Client) -> None:
    response = page.get(f"/lines/{uni.pk}/renew/", {"offering": "giga"})
    assert chosen(response) == {"keep": False, "new": True}
    assert "Does the line work on your phone?" in words(response)
    assert "The plan begins when it is installed, or after 24 hours." in words(response)


def test_a_top_up_does_not_wait_and_says_so_by_silence(uni: Line, page: Client) -> None:
    orders.offering()
    text = words(page.get(f"/lines/{uni.pk}/renew/", {"offering": "topup-5"}))
    assert "No: send a new eSIM, too" in text
    assert "The plan begins when it is installed" not in text


def test_whose_profile_is_installed_keeps_it(uni: Line, page: Client, now: datetime) -> None:
    profiles.at("enabled", uni, now)
    response = page.get(f"/lines/{uni.pk}/renew/", {"offering": "giga"})
    assert chosen(response) == {"keep": True, "new": False}


@pytest.mark.parametrize(
    ("sim_type", "operator"),
    [
        pytest.param("physical", "tim", id="a SIM card"),
        pytest.param("esim", "vodafone", id="an operator whose profiles nobody reaches"),
    ],
)
def test_who_cannot_have_one_is_not_asked(
    sim_type: str, operator: str, anna: User, server: type[Profiles], offers: list[Offering], page: Client
) -> None:
    Offering.objects.update(operator=operator)
    line = factories.line(holder=anna, operator=operator, sim_type=sim_type)
    assert "hx-include" not in page.get(f"/lines/{line.pk}/renew/").content.decode()
    assert chosen(page.get(f"/lines/{line.pk}/renew/", {"offering": "giga"})) == {}
    assert renew(page, line, profile="new").with_profile is False


@pytest.mark.parametrize(
    ("sent", "with_profile"),
    [({"profile": "new"}, True), ({"profile": "keep"}, False), ({"profile": "x"}, False), ({}, False)],
)
def test_the_wish_goes_with_the_order(sent: dict[str, str], with_profile: bool, uni: Line, page: Client) -> None:
    assert renew(page, uni, **sent).with_profile is with_profile


def test_the_newest_wish_counts_while_nothing_is_paid(uni: Line, page: Client) -> None:
    first = renew(page, uni, profile="new")
    second = renew(page, uni, profile="keep")
    assert first.pk == second.pk
    assert second.with_profile is False


@pytest.mark.parametrize(("said", "new"), [("keep", False), ("new", True), ("else", True), (None, True)])
def test_the_wish_stays_when_another_plan_is_chosen(said: str | None, new: bool, uni: Line, page: Client) -> None:
    query = {"offering": "giga", **({"profile": said} if said else {})}
    response = page.get(f"/lines/{uni.pk}/renew/", query, headers={"HX-Request": "true"})
    assert chosen(response) == {"keep": not new, "new": new}
    assert 'hx-include="[name=profile]"' in response.content.decode()


def test_by_a_reminders_link_it_can_be_asked_for_too(uni: Line, anna: User, browser: Browser, now: datetime) -> None:
    client = browser(accept_language="en")
    client.get(renewal_link(line=uni, user=anna, now=now))
    assert renew(client, uni, profile="new").with_profile is True


# --- the order ----------------------------------------------------------------------------------------------------


def test_a_held_order_leads_to_its_esim(ready: Delivery, page: Client) -> None:
    assert ready.order is not None
    response = page.get(f"/orders/{ready.order.code}/")
    text = words(response)
    assert "Paid; now install your eSIM" in text
    assert f'<a class="button big full" href="/esim/{ready.code}/">' in response.content.decode()
    assert "The plan begins as soon as the eSIM is installed." in text
    assert steps(response)[2] == "Goes to the operator once your eSIM is installed"
    assert poll(response) is not None


def test_while_it_is_made_it_says_so(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("making", uni, now)
    assert delivery.order is not None
    response = page.get(f"/orders/{delivery.order.code}/")
    assert "Paid; your eSIM is being made" in words(response)
    assert "Install your eSIM" not in words(response)
    assert "See how far the eSIM is" in words(response)


def test_the_orders_page_notices_that_it_is_ready(uni: Line, page: Client, now: datetime) -> None:
    delivery = profiles.at("making", uni, now)
    assert delivery.order is not None
    found = poll(page.get(f"/orders/{delivery.order.code}/"))
    assert found is not None
    assert 'id="status"' not in page.get(found[0], headers={"HX-Request": "true"}).content.decode()
    Delivery.objects.update(state="released", released_at=now)
    loud = page.get(found[0], headers={"HX-Request": "true"})
    assert "Paid; now install your eSIM" in words(loud)


def test_an_order_without_a_profile_speaks_of_none(uni: Line, page: Client, now: datetime) -> None:
    order = renew(page, uni, profile="keep")
    text = words(page.get(f"/orders/{order.code}/"))
    assert "/esim/" not in text
    assert "Install your eSIM" not in text


def test_who_pays_for_another_sees_how_far_it_is(
    ready: Delivery, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=ready.line, with_email=bo.email, right="pay", by=anna, now=now)
    assert ready.order is not None
    text = words(browser(bo).get(f"/orders/{ready.order.code}/"))
    assert "See how far the eSIM is" in text
    assert "Install your eSIM" not in text


def test_who_came_by_a_reminder_is_sent_to_the_mailbox(uni: Line, anna: User, browser: Browser, now: datetime) -> None:
    client = browser(accept_language="en")
    client.get(renewal_link(line=uni, user=anna, now=now))
    order = renew(client, uni, profile="new")
    profiles.pay(order, now)
    response = client.get(f"/orders/{order.code}/")
    assert "The holder of the line has the link to it by e-mail" in words(response)
    delivery = Delivery.objects.get(order=order)
    assert f"/esim/{delivery.code}/" not in response.content.decode()
    assert client.get(f"/esim/{delivery.code}/").status_code == 404


def test_an_installed_one_is_said_to_be(ready: Delivery, page: Client, now: datetime) -> None:
    profiles.installed(ready, now + timedelta(minutes=1))
    assert ready.order is not None
    text = words(page.get(f"/orders/{ready.order.code}/"))
    assert "Your eSIM is on" in text
    assert "Paid, being activated" in text


# --- the line and the list ----------------------------------------------------------------------------------------


def test_the_lists_button_installs(ready: Delivery, page: Client) -> None:
    html = page.get("/").content.decode()
    assert re.search(rf'<a class="button" href="/esim/{ready.code}/">.*Install eSIM', html)
    assert 'class="button plain" href="/esim/' not in html


def test_the_lines_page_installs_and_lists(ready: Delivery, page: Client) -> None:
    response = page.get(f"/lines/{ready.line_id}/")
    assert f'<a class="button big" href="/esim/{ready.code}/">' in response.content.decode()
    assert f"eSIM Ready to be installed Sun 22 Nov 2026 12:00 · ICCID …{ready.iccid[-4:]}" in words(response)
    assert ready.iccid not in response.content.decode()


@pytest.mark.parametrize("state", ["making", "enabled", "failed", "expired", "replaced"])
def test_only_what_can_be_installed_stands_out(state: str, uni: Line, page: Client, now: datetime) -> None:
    profiles.at(state, uni, now)
    Delivery.objects.exclude(replaces=None).update(state="waiting")
    for path in ("/", f"/lines/{uni.pk}/"):
        assert "Install eSIM" not in words(page.get(path))


def test_a_downloaded_one_still_does(ready: Delivery, page: Client, now: datetime) -> None:
    profiles.told(ready, Point.DOWNLOAD, now)
    assert "Install eSIM" in words(page.get("/"))


@pytest.mark.parametrize("right", ["read", "pay"])
def test_it_is_the_holders_button(
    right: str, ready: Delivery, anna: User, bo: User, browser: Browser, now: datetime
) -> None:
    line_share(line=ready.line, with_email=bo.email, right=right, by=anna, now=now)
    client = browser(bo)
    for path in ("/", f"/lines/{ready.line_id}/"):
        assert "Install eSIM" not in words(client.get(path))
    listed = f"/esim/{ready.code}/" in client.get(f"/lines/{ready.line_id}/").content.decode()
    assert listed is (right == "pay")


def test_the_history_says_where_the_new_sim_comes_from(ready: Delivery, page: Client, now: datetime) -> None:
    profiles.installed(ready, now + timedelta(minutes=1))
    assert "SIM changed Sun 22 Nov 2026 · with the eSIM we sent" in words(page.get(f"/lines/{ready.line_id}/"))


def test_a_list_of_many_esims_asks_once(anna: User, server: type[Profiles], page: Client, now: datetime) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            page.get("/")
        return sum("delivery_delivery" in query["sql"] for query in found)

    assert asked() == 0
    for _ in range(3):
        profiles.line(anna, now, last_topup=date(2026, 3, 31))
    assert asked() == 1


@pytest.mark.parametrize(
    ("order_state", "provider", "may_pay", "verb"),
    [
        pytest.param(None, None, True, "install", id="it lies ready"),
        pytest.param("paid", None, True, "install", id="and a plan waits for it"),
        pytest.param("placed", "cash", True, "pay_in_shop", id="another order is to be paid first"),
        pytest.param("placed", None, True, "pay", id="in whatever way"),
        pytest.param(None, None, False, "install", id="whoever pays"),
    ],
)
def test_one_button(order_state: str | None, provider: str | None, may_pay: bool, verb: str) -> None:
    found = rules.verb(
        state="full_service", may_pay=may_pay, order_state=order_state, open_provider=provider, profile=True
    )
    assert found == verb
