"""The pretend phone in a browser: nothing for axe, nothing too small; it asks, and says what went wrong in words."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, Open, World, assert_accessible

# The question, and what is said of a link without a code and of a code that nobody knows.
WORDS = {
    "en": ("Add this eSIM?", "This link holds no activation code", "The operator does not know this activation code."),
    "it": ("Aggiungere questa eSIM?", "Questo link non contiene", "L'operatore non conosce questo codice"),
    "zh-hans": ("添加这个 eSIM？", "链接中没有可用的激活码", "运营商不认识这个激活码"),
    "zh-hant": ("要加入這個 eSIM 嗎？", "連結裡沒有可用的啟用碼", "電信業者查無這個啟用碼"),
}


@pytest.mark.parametrize(
    ("language", "size", "scheme"),
    [("en", PHONE, "light"), ("it", DESK, "dark"), ("zh-hans", PHONE, "dark"), ("zh-hant", DESK, "light")],
)
def test_the_phone_asks_and_says_what_went_wrong(
    world: World, visit: Open, language: str, size: dict[str, int], scheme: str
) -> None:
    question, no_code, unknown = WORDS[language]
    phone = world.mailbox.replace("/mail/", "/phone/")
    page = visit(language, viewport=size, color_scheme=scheme)
    page.goto(phone)
    assert_accessible(page)

    page.goto(f"{phone}esim_qrcode_provisioning?carddata=x")
    expect(page.get_by_role("alert")).to_contain_text(no_code)
    assert_accessible(page)

    server = f"127.0.0.1:{(urlsplit(phone).port or 0) + 4}"
    page.goto(f"{phone}esim_qrcode_provisioning?carddata={quote(f'LPA:1${server}$NOBODY-KNOWS-THIS', safe='')}")
    expect(page.locator("h1")).to_have_text(question)
    assert_accessible(page)
    page.locator("form button").click()
    expect(page.get_by_role("alert")).to_contain_text(unknown)
    assert_accessible(page)
