"""What a new person does, in each language, on a phone and at a desk: from the first page to the receipt."""

from __future__ import annotations

import re
import time
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import DESK, PHONE, Open, World, assert_accessible
from tests.patience import PATIENCE

TIM_NUMBER = "339 123 4567"  # a subscription of the pretend TIM
HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "it": "it", "en": "en"}


def sign_in(page: Page, world: World, email: str) -> None:
    page.goto("/")
    page.locator("#id_email").fill(email)
    page.locator("form[action='/account/login/code/'] button").click()
    expect(page.locator("#id_code")).to_be_visible()
    assert_accessible(page)
    page.locator("#id_code").fill(world.code_for(email))
    page.locator("form:has(#id_code) button").first.click()
    expect(page.locator(".empty h1")).to_be_visible()


def add_line(page: Page) -> None:
    page.locator(".empty a[href='/lines/add/']").click()
    assert_accessible(page)
    page.locator("#id_msisdn").fill(TIM_NUMBER)
    page.locator("#id_operator").select_option("tim")
    page.locator("#id_last_topup").fill("2026-01-15")
    page.locator("main form button").click()
    expect(page.locator(".number")).to_have_text(TIM_NUMBER)
    assert_accessible(page)
    page.locator(".brand").click()
    expect(page.locator(".row")).to_have_count(1)


def choose(page: Page, way: str) -> None:
    """Pay in this way; a number that this payer has not renewed before is looked at once more."""
    page.locator(f"button[value={way}]").click()
    expect(page.locator("main mark, #card").first).to_be_visible()
    if page.locator("main mark").count():
        page.locator("main form button").click()


def pay_at_the_bank(page: Page, *, approve: bool = True) -> None:
    page.wait_for_url(re.compile(r"/pay/"))
    page.locator("form button").first.click()  # the card with 3-D Secure is filled in
    page.wait_for_url(re.compile(r"/3ds"))
    page.locator(f"button[value={'approve' if approve else 'refuse'}]").click()


@pytest.mark.parametrize(
    ("language", "size"),
    [("zh-hans", PHONE), ("zh-hant", DESK), ("it", PHONE), ("en", DESK)],
    ids=["zh-hans phone", "zh-hant desk", "it phone", "en desk"],
)
def test_a_new_person_renews_and_has_the_receipt(
    language: str, size: dict[str, int], world: World, visit: Open, tmp_path: Path
) -> None:
    page = visit(language, viewport=size)
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", HTML_LANG[language])
    assert_accessible(page)
    sign_in(page, world, f"new-{language}-{size['width']}@example.org")
    assert_accessible(page)
    add_line(page)

    # Five taps from the list: renew, pay by card, yes it is this number, pay, confirm with the bank.
    # PayPal asks for one tap only.
    way = "paypal" if language == "en" else "stripe"
    page.locator(".row .act a").click()
    expect(page.locator(".number")).to_have_text(TIM_NUMBER)
    assert_accessible(page)
    page.locator(f"button[value={way}]").click()
    expect(page.locator(".number mark")).to_have_text(TIM_NUMBER[-4:])
    assert_accessible(page)
    page.locator("main form button").click()
    if way == "paypal":
        page.wait_for_url(re.compile(r"/checkoutnow"))
        page.locator("form button").first.click()
    else:
        pay_at_the_bank(page)

    page.wait_for_url(re.compile(r"/orders/"))
    stays(page)
    expect(page.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    assert page.evaluate("window.stayed") is True, "the page was loaded again"
    expect(page.locator(".steps .dot.is-live")).to_have_count(4)
    expect(page.locator("html")).to_have_attribute("lang", HTML_LANG[language])
    assert_accessible(page)

    with page.expect_download() as download:
        page.locator("a[href$='receipt.pdf']").click()
    download.value.save_as(tmp_path / "receipt.pdf")
    text = PdfReader(BytesIO((tmp_path / "receipt.pdf").read_bytes())).pages[0].extract_text()
    assert TIM_NUMBER in text
    page.locator("#status a[href$='/receipt/']").click()
    expect(page.locator("article")).to_have_attribute("lang", HTML_LANG[language])
    assert_accessible(page)


def stays(page: Page) -> None:
    """Leaves a mark that a reload would wipe out."""
    page.evaluate("window.stayed = true")


SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
NO_NETWORK = {**SLOW_3G, "offline": True}


def test_the_network_is_lost_while_paying_and_the_next_time_needs_four_taps(
    world: World, visit: Open, annas_state: Path
) -> None:
    phone, desk = visit(state=annas_state), visit("it", state=annas_state, viewport=DESK)
    phone.goto("/")
    renew = phone.locator(".row .act a[href$='/renew/']").first.get_attribute("href")
    assert renew
    row = f".row:has(.name[href='{renew.removesuffix('renew/')}'])"
    phone.goto(renew)
    choose(phone, "stripe")
    phone.wait_for_url(re.compile(r"/pay/"))

    # Another device goes on with the same order, by a slow network, and then by none.
    network = desk.context.new_cdp_session(desk)
    network.send("Network.emulateNetworkConditions", SLOW_3G)
    desk.goto("/")
    desk.locator(f"{row} .act a").click()
    expect(desk.locator("h1 .state")).to_be_visible()
    stays(desk)
    network.send("Network.emulateNetworkConditions", NO_NETWORK)
    expect(desk.locator(".offline")).to_be_visible()
    desk.locator("button[value=cash]").click()
    expect(desk.locator(".offline")).to_be_in_viewport()
    assert_accessible(desk)

    # The bank takes the money, and its answer is lost on the way to the phone.
    phone.goto(f"{phone.url}?card=lost")
    phone.locator("form button").first.click()

    network.send("Network.emulateNetworkConditions", SLOW_3G)
    expect(desk.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    expect(desk.locator(".offline")).to_be_hidden()
    assert desk.evaluate("window.stayed") is True, "the page was loaded again"
    desk.goto("/receipts/")
    desk.locator(".list summary").first.click()
    assert_accessible(desk)

    phone.goto("/")
    taps = 0
    for press in (
        lambda: phone.locator(f"{row} .act a").click(),
        lambda: phone.locator("button[value=stripe]").click(),
        lambda: phone.locator("form button").first.click(),
        lambda: phone.locator("button[value=approve]").click(),
    ):
        press()
        taps += 1
    phone.wait_for_url(re.compile(r"/orders/"))
    expect(phone.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    assert taps == 4


def test_another_choice_is_taken_without_a_new_page(visit: Open, annas_state: Path) -> None:
    page = visit(state=annas_state)
    page.goto("/")
    page.locator(".row .act a").last.click()
    stays(page)
    page.locator(".offers a.offer").nth(1).click()
    expect(page.locator("a.offer[aria-current]")).to_have_count(1)
    page.wait_for_url(re.compile(r"\?offering="))
    assert page.evaluate("window.stayed") is True
    price = page.locator("a.offer[aria-current] .price").inner_text()
    assert price.strip().split()[0] in page.locator(".split .price").inner_text() or page.locator(".total").count()
    assert_accessible(page)
    page.go_back()
    expect(page.locator("a.offer").first).to_have_attribute("aria-current", "true")


def test_a_refused_card_is_told_and_can_be_replaced_by_cash(
    world: World, visit: Open, annas_state: Path, chens_state: Path
) -> None:
    page = visit(state=annas_state)
    page.goto("/")
    page.locator(".row .act a").last.click()
    choose(page, "stripe")
    page.wait_for_url(re.compile(r"/pay/"))
    page.locator("#card").fill("4000 0000 0000 0002")
    page.locator("form button").first.click()
    expect(page.locator("#refusal")).to_be_visible()
    page.locator("a.button.second").click()
    page.wait_for_url(re.compile(r"/orders/"))
    code = re.search(r"/orders/(\w+)/", page.url)
    assert code
    assert_accessible(page)
    page.locator("button[value=cash]").click()
    expect(page.locator(".code")).to_contain_text(code[1][:4])
    assert_accessible(page)
    stays(page)

    till = visit(state=chens_state)
    till.goto("/counter/")
    till.locator("#id_code").fill(code[1].lower())
    till.keyboard.press("Enter")
    expect(till.locator(".code.money")).to_be_visible()
    assert_accessible(till)
    till.locator("section form button.big").click()
    expect(till.locator("section form button.big")).to_have_count(0)

    expect(page.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    assert page.evaluate("window.stayed") is True


# --- without JavaScript -------------------------------------------------------------------------------------------


def test_the_whole_way_without_javascript(world: World, visit: Open) -> None:
    page = visit("it", java_script_enabled=False)
    email = "senza-script@example.org"
    page.goto("/")
    expect(page.locator("#passkey_login")).to_be_hidden()
    page.locator("#id_email").fill(email)
    page.locator("form[action='/account/login/code/'] button").click()
    page.locator("#id_code").fill(world.code_for(email))
    page.locator("form:has(#id_code) button").first.click()
    page.locator(".empty a[href='/lines/add/']").click()
    page.locator("#id_msisdn").fill(TIM_NUMBER)
    page.locator("#id_operator").select_option("tim")
    page.locator("#id_last_topup").fill("2026-01-15")
    page.locator("main form button").click()
    page.locator(".head a.button").click()
    page.locator(".offers a.offer").nth(1).click()
    expect(page.locator("a.offer").nth(1)).to_have_attribute("aria-current", "true")
    choose(page, "stripe")
    pay_at_the_bank(page)
    page.wait_for_url(re.compile(r"/orders/"))
    end = time.monotonic() + PATIENCE
    while not page.locator("a[href$='receipt.pdf']").count() and time.monotonic() < end:
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("a[href$='receipt.pdf']")).to_be_visible()
    page.locator("summary", has_text="Italiano").click()
    page.locator("button[value=zh-hant]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
    expect(page.locator("a[href$='receipt.pdf']")).to_be_visible()
