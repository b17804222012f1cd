"""Paying in a real browser whose network breaks, by a clock that stands still: card, PayPal, cash, and by itself.

Our pages are served in this process, the pretend bank is a process of its own, the operator answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.core import mail
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test import Client
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Route, expect

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import line_share
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.renewals.models import AutoRun
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME, FrozenClock
from tests import factories
from tests.browser.conftest import DESK, PHONE, assert_accessible, complain, context_of
from tests.keeper.orders import factories as orders
from tests.keeper.renewals.conftest import Operator
from tests.patience import until
from tests.sandbox.provider.process import API_KEY, PAYPAL, WEBHOOK_SECRET, Bank, Shop

pytestmark = pytest.mark.django_db(transaction=True)
SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


class Pages:
    """Our pages on a port of their own, for as long as a story lasts."""

    def __init__(self) -> None:
        self._server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        # Its headers name the bank, so that it is made when that is known.
        self._server.set_app(WSGIHandler())
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Story:
    """Mamma's TIM line with full service until 4 December 2026, twelve days from now; and who is around."""

    def __init__(self, chromium: Browser, bank: Bank, clock: FrozenClock, url: str) -> None:
        self.chromium, self.bank, self.clock, self.url = chromium, bank, clock, url
        self.anna = factories.anna()
        self.line: Line = factories.line(label="Mamma", last_topup=date(2025, 12, 4))
        self.contexts: list[BrowserContext] = []
        self.pages: list[Page] = []
        orders.offering()
        bank.forget()
        self.knows()
        bank.knobs(webhook_never_percent=100)

    def speaks(self, user: User, language: str) -> User:
        user.language = language
        user.save()
        return user

    def opened(self, user: User | None, language: str, **facts: Any) -> Page:
        """A browser of this reader's own."""
        context = context_of(self.chromium, language, base_url=self.url, **facts)
        if user is not None:
            EmailAddress.objects.update_or_create(
                user=user, email=user.email, defaults={"verified": True, "primary": True}
            )
            client = Client()
            client.force_login(user)
            name = django_settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: complain(page, message.type, message.text))
        page.on("pageerror", lambda error: complain(page, "error", str(error)))
        self.contexts.append(context)
        self.pages.append(page)
        return page

    def knows(self) -> None:
        """The bank's clock stands where ours does."""
        self.bank.clock_at(self.clock.now())

    def comes(self, there: Locator) -> None:
        """The workers go on until the page shows it, by itself."""

        def turn() -> bool:
            self.work(timedelta(seconds=5))
            return there.is_visible()

        until(turn, str(there), every=0.2)

    def work(self, by: timedelta = timedelta(0)) -> None:
        self.clock.advance(by)
        while agenda.run_due(self.clock.now()):
            pass

    def days(self, first: date, last: date) -> None:
        """Every morning, with a worker."""
        while first <= last:
            self.clock.move_to(datetime(first.year, first.month, first.day, 9, 5, tzinfo=ROME))
            self.knows()
            for _ in range(3):
                self.work(timedelta(minutes=1))
            first += timedelta(days=1)

    def begin(self, page: Page, way: str, *, keep: bool = False) -> ProductOrder:
        """From the list to the payment, with the second look at the number; `keep`: and the card is to be kept."""
        page.goto("/")
        page.locator(".row .act a").first.click()
        expect(page.locator("input[type=checkbox][name=keep]")).not_to_be_checked()
        if keep:
            page.locator("input[type=checkbox][name=keep]").check()
            assert_accessible(page)
        page.locator(f"button[value={way}]").click()
        expect(page.locator(".number mark")).to_have_text(self.line.msisdn[-4:])
        page.locator("main form button").click()
        return ProductOrder.objects.get()

    def charges(self) -> list[int]:
        return [each["amount"] for each in self.bank.money()["charges"]]

    def end(self) -> None:
        said = [line for page in self.pages for line in getattr(page, "complaints", [])]
        for context in self.contexts:
            context.close()
        assert said == []


@pytest.fixture
def story(
    chromium: Browser, bank: Bank, shop: Shop, clock: FrozenClock, transactional_db: None, settings: Any
) -> Iterator[Story]:
    pages, Operator.refuses = Pages(), False
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = API_KEY, WEBHOOK_SECRET
    settings.STRIPE_API_BASE, settings.PUBLIC_URL = bank.url, pages.url
    settings.PAYPAL_API_BASE = f"{bank.url}/paypal"
    for name, value in PAYPAL.items():
        setattr(settings, name, value)
    settings.GATEWAYS = {"pretend": "tests.keeper.renewals.conftest.Operator"}
    pages.start()
    told = Story(chromium, bank, clock, pages.url)
    yield told
    told.end()
    pages.stop()
    assert money_balance().balanced
    assert disagreement() == []


def in_vain(act: Callable[[], Any]) -> None:
    """Press it while there is no network: the browser shows a page of its own."""
    with suppress(Error):
        act()


def test_by_card_the_network_breaks_before_the_bank_is_asked(story: Story) -> None:
    story.speaks(story.anna, "zh-hans")
    phone = story.opened(story.anna, "zh-hans", viewport=PHONE)
    order = story.begin(phone, "stripe", keep=True)
    phone.wait_for_url(re.compile("/pay/"))
    phone.locator("form button").first.click()
    phone.wait_for_url(re.compile("/3ds"))
    phone.context.set_offline(True)
    in_vain(lambda: phone.locator("button[value=approve]").click())
    story.work(timedelta(seconds=10))
    assert (story.charges(), PaymentAttempt.objects.get().state) == ([], "open")

    # Another device, by the order's address, on a slow network: the same payment goes on, and no second one is begun.
    desk = story.opened(story.anna, "zh-hans", viewport=DESK)
    desk.goto(f"/orders/{order.code}/")
    expect(desk.locator("html")).to_have_attribute("lang", "zh-Hans")
    assert_accessible(desk)
    desk.locator("button[value=stripe]").click()
    desk.wait_for_url(re.compile("/pay/"))
    desk.locator("form button").first.click()
    network = desk.context.new_cdp_session(desk)
    network.send("Network.emulateNetworkConditions", SLOW_3G)
    desk.locator("button[value=approve]").click()
    desk.wait_for_url(re.compile("/orders/"))
    story.comes(desk.locator("#status a[href$='receipt.pdf']"))
    assert_accessible(desk)
    assert (story.charges(), PaymentAttempt.objects.count()) == ([500], 1)
    assert (SavedMethod.objects.get().state, SavedMethod.objects.get().shown) == ("active", "Visa …3155")

    # The phone finds its network, and its page, again.
    phone.context.set_offline(False)
    phone.goto(f"/orders/{order.code}/")
    expect(phone.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    assert_accessible(phone)


def test_by_paypal_the_network_breaks_on_the_way_back_and_the_operator_refuses(story: Story) -> None:
    story.speaks(story.anna, "en")
    page = story.opened(story.anna, "en", viewport=DESK)
    order = story.begin(page, "paypal")
    page.wait_for_url(re.compile("/checkoutnow"))
    page.context.set_offline(True)
    in_vain(lambda: page.locator("form button").first.click())
    page.context.set_offline(False)
    page.goto(f"/orders/{order.code}/")
    page.locator("button[value=paypal]").click()
    page.wait_for_url(re.compile("/checkoutnow"))
    page.locator("form button").first.click()
    page.wait_for_url(re.compile("/orders/"))

    # Approved; the line drops while PayPal is asked. The page says so, and goes on by itself.
    Operator.refuses = True
    page.evaluate("window.stayed = true")
    page.context.set_offline(True)
    expect(page.locator(".offline")).to_be_visible()
    story.work(timedelta(seconds=5))
    assert story.charges() == [500]
    assert_accessible(page)
    page.context.set_offline(False)
    expect(page.locator(".offline")).to_be_hidden()
    given_back = page.locator("dt", has_text="Given back")
    story.comes(given_back)
    assert page.evaluate("window.stayed") is True, "the page was loaded again"

    # Where, when and by which name it went back is seen by its holder.
    refund = story.bank.money()["refunds"]
    assert [one["amount"] for one in refund] == [500]
    seen = given_back.locator("xpath=following-sibling::dd[1]")
    expect(seen).to_contain_text("€5.00")
    expect(seen).to_contain_text("22 Nov 2026")
    expect(seen).to_contain_text(refund[0]["id"])
    assert_accessible(page)


def test_in_cash_the_network_breaks_on_both_sides_of_the_counter(story: Story) -> None:
    story.speaks(story.anna, "it")
    phone = story.opened(story.anna, "it", viewport=PHONE)
    order = story.begin(phone, "cash")
    expect(phone.locator(".code")).to_contain_text(order.code[:4])
    assert_accessible(phone)
    phone.evaluate("window.stayed = true")
    phone.context.set_offline(True)
    expect(phone.locator(".offline")).to_be_visible()
    expect(phone.locator(".code")).to_be_visible()
    assert_accessible(phone)

    till = story.opened(factories.clerk(language="zh-hant"), "zh-hant", viewport=DESK)
    till.goto(f"/counter/?code={order.code}")
    expect(till.locator("html")).to_have_attribute("lang", "zh-Hant")
    received = till.locator("form[method=post] button.big")
    till.context.set_offline(True)
    received.click()
    expect(till.locator(".offline")).to_be_visible()
    order.refresh_from_db()
    assert order.state == "placed", "nothing was sent"
    till.context.set_offline(False)
    expect(till.locator(".offline")).to_be_hidden()
    received.click()
    expect(till.locator(".code.money")).to_have_count(0)
    assert_accessible(till)
    order.refresh_from_db()
    assert order.state == "paid"

    story.work()
    phone.context.set_offline(False)
    story.comes(phone.locator("#status a[href$='receipt.pdf']"))
    assert phone.evaluate("window.stayed") is True, "the page was loaded again"
    assert PaymentAttempt.objects.get().state == "succeeded"


def test_a_card_is_saved_and_the_line_renews_by_itself_in_a_month_that_is_told(story: Story) -> None:
    story.speaks(story.anna, "zh-hant")
    page = story.opened(story.anna, "zh-hant", viewport=PHONE)
    auto = f"/lines/{story.line.pk}/auto/"
    page.goto(auto)
    assert_accessible(page)
    page.locator("button[value=stripe]").click()
    page.wait_for_url(re.compile("/pay/"))
    page.locator("form button").first.click()
    page.locator("button[value=approve]").click()
    page.wait_for_url(re.compile("/settings/"))
    story.work(timedelta(seconds=5))
    page.reload()
    expect(page.locator("#cards")).to_contain_text("Visa …3155")
    assert_accessible(page)

    # It is switched on, and says what will happen before the date, 4 December.
    page.goto(auto)
    page.locator("button[value=on]").click()
    expect(page.locator("button[value=stop]")).to_be_visible()
    story.work()
    page.reload()
    steps = page.locator("#next ~ .list")
    expect(steps).to_contain_text("2026年11月25日")
    expect(steps).to_contain_text("2026年11月27日")
    assert_accessible(page)
    assert story.charges() == []

    mail.outbox.clear()
    story.days(date(2026, 11, 23), date(2026, 11, 26))
    assert story.charges() == []
    [notice] = [one for one in mail.outbox if "/auto/stop/" in one.body]
    link = re.search(r"(/auto/stop/\S+)", str(notice.body))
    assert link
    anybody = story.opened(None, "zh-hant", viewport=PHONE)
    anybody.goto(link[1])
    expect(anybody.locator(".facts")).to_contain_text("€5.00")
    assert_accessible(anybody)

    story.days(date(2026, 11, 27), date(2026, 11, 28))
    assert (story.charges(), AutoRun.objects.order_by("pk")[0].state) == ([500], "done")
    page.goto(f"/orders/{ProductOrder.objects.get().code}/")
    expect(page.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    page.goto(auto)
    expect(steps).to_contain_text("2027年11月20日")

    anybody.locator("main form button").click()
    expect(anybody.locator("main p[role=status]")).to_be_visible()
    assert_accessible(anybody)
    page.reload()
    expect(page.locator("button[value=on]")).to_be_visible()
    story.days(date(2026, 11, 29), date(2026, 12, 22))
    assert story.charges() == [500]


def test_a_second_payer_looks_once_more_and_a_copy_of_the_page_sends_nothing(story: Story) -> None:
    bo = factories.holder("bo@example.org")
    line_share(line=story.line, with_email=bo.email, right="pay", by=story.anna, now=story.clock.now())
    theirs = orders.order(line=story.line, by=bo)
    payment_begin(order=theirs, provider="stripe", now=story.clock.now())
    order = orders.order(line=story.line)
    page = story.opened(story.anna, "it", viewport=PHONE)
    page.goto(f"/orders/{order.code}/")
    page.locator("button[value=stripe]").click()
    expect(page.locator("h1")).to_have_text("Qualcuno sta rinnovando questa linea")
    assert_accessible(page)
    page.locator("main form a.button").click()
    expect(page.locator("[data-home]")).to_be_hidden()
    assert order.attempts.count() == 0

    def copy(route: Route) -> None:
        route.fulfill(response=page.context.request.get(route.request.url.replace("https://copy.test", story.url)))

    page.context.route("https://copy.test/**", copy)
    page.goto(f"https://copy.test/orders/{order.code}/")
    warning = page.locator("[data-home]")
    expect(warning).to_contain_text("Questo non è il nostro indirizzo. Non pagare qui e non scrivere nulla.")
    expect(warning).to_contain_text(story.url)
    assert_accessible(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    for way in ("cash", "stripe"):
        page.locator(f"button[value={way}]").click()
    page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    assert (sent, order.attempts.count()) == ([], 0)
