"""The hosted pages in a real browser: axe finds nothing, on a phone and a desk, by day and night, in each language."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.patience import until
from tests.sandbox.provider.process import AUTH, Bank, Shop, http
from tests.sandbox.provider.test_api import create

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(autouse=True)
def forgotten(bank: Bank) -> None:
    bank.forget()


def opened(chromium: Browser, url: str, **how: Any) -> Page:
    page = chromium.new_context(java_script_enabled=True, **how).new_page()
    page.goto(url)
    return page


def check(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "nothing is cut off at the side"


@pytest.mark.parametrize(
    ("locale", "size", "scheme"),
    [("en", PHONE, "light"), ("it", DESK, "dark"), ("zh", PHONE, "dark"), ("zh-TW", DESK, "light")],
    ids=["English phone by day", "Italian desk by night", "Chinese phone by night", "Taiwan desk by day"],
)
def test_every_page_is_accessible(bank: Bank, chromium: Browser, locale: str, size: Any, scheme: Any) -> None:
    how = {"viewport": size, "color_scheme": scheme}
    session = create(bank, locale=locale, cancel_url="http://127.0.0.1:1/back")
    page = opened(chromium, session["url"], **how)
    check(page)
    page.locator("summary").click()
    check(page)
    page.locator("details a").nth(2).click()
    page.get_by_role("button").click()
    assert page.get_by_role("alert").count() == 1
    check(page)
    page.goto(session["url"])
    page.get_by_role("button").click()
    assert page.url.endswith("/3ds")
    check(page)
    http.post(f"{bank.url}/v1/checkout/sessions/{session['id']}/expire", auth=AUTH)
    page.reload()
    check(page)
    page.goto(f"{bank.url}/pay/nothing")
    check(page)
    page.goto(bank.url)
    check(page)
    page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_one_tap_to_pay_and_one_to_approve(bank: Bank, shop: Shop, chromium: Browser, script: bool) -> None:
    session = create(bank, success_url=f"{shop.url}/orders/K2M7F5PW/")
    page = chromium.new_context(java_script_enabled=script, viewport=PHONE).new_page()
    page.goto(session["url"])
    page.get_by_role("button").click()
    page.get_by_role("button").first.click()
    assert page.url == f"{shop.url}/orders/K2M7F5PW/"
    page.goto(session["url"])
    assert page.locator("h1").inner_text() == "Paid"
    page.context.close()
    assert len(bank.money()["charges"]) == 1


def test_the_payers_connection_breaks_after_the_charge(bank: Bank, chromium: Browser) -> None:
    session = create(bank)
    page = opened(chromium, f"{session['url']}?card=lost", viewport=PHONE)
    page.get_by_role("button").click()
    until(lambda: bank.money()["charges"])
    page.goto(session["url"])
    assert page.locator("h1").inner_text() == "Paid"
    page.context.close()
