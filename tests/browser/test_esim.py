"""From the paid plan to the line on it, with the eSIM installed on the pretend phone; and how all of it looks."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, LANGUAGES, PHONE, Open, World, assert_accessible, context_of
from tests.browser.test_looks import LOOKS, open_all, speak
from tests.browser.test_renewal import choose, pay_at_the_bank, sign_in, stays

# A line of the pretend Vodafone, which sells a plan and gives out profiles.
NUMBER = "347 123 8812"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def on_phone(visit: Open) -> Open:
    def open_page(language: str = "en", **more: object) -> Page:
        return visit(language, user_agent=IPHONE, **more)

    return open_page


def order_esim(page: Page, world: World, email: str) -> None:
    """A new person's eSIM line, a plan with a new profile, paid by card."""
    sign_in(page, world, email)
    page.locator(".empty a[href='/lines/add/']").click()
    page.locator("#id_msisdn").fill(NUMBER)
    page.locator("#id_operator").select_option("vodafone")
    open_all(page)
    page.locator("#id_sim_type").select_option("esim")
    page.locator("#id_last_topup").fill("2026-01-15")
    page.locator("main form button").click()
    page.locator(".head a.button").click()
    page.locator("a.offer[href*='sandbox-20gb']").click()
    expect(page.locator("a.offer[aria-current][href*='sandbox-20gb']")).to_be_visible()
    expect(page.locator("input[name=profile][value=new]")).to_be_checked()
    assert_accessible(page)
    choose(page, "stripe")
    pay_at_the_bank(page)
    page.wait_for_url(re.compile(r"/orders/"))


def install_on_the_pretend_phone(page: Page) -> None:
    with page.context.expect_page() as opened:
        page.locator("a[href*='/phone/esim_qrcode_provisioning']").click()
    phone = opened.value
    assert phone.evaluate("document.referrer") == ""
    phone.locator("main form button, form button").first.click()
    phone.wait_for_url(re.compile(r"/phone/\?new="))
    phone.close()


@pytest.mark.parametrize(
    ("language", "size"),
    [("zh-hans", PHONE), ("zh-hant", PHONE), ("it", PHONE), ("en", DESK)],
    ids=["zh-hans phone", "zh-hant phone", "it phone", "en desk"],
)
def test_a_plan_begins_when_its_esim_is_on_the_phone(
    language: str, size: dict[str, int], world: World, visit: Open
) -> None:
    agent = {"user_agent": IPHONE} if size == PHONE else {}
    page = visit(language, viewport=size, **agent)
    order_esim(page, world, f"esim-{language}@example.org")
    stays(page)
    expect(page.locator("#status a.button.big[href^='/esim/']")).to_be_visible()
    assert page.evaluate("window.stayed") is True
    assert_accessible(page)
    order = page.url
    page.locator("#status a.button.big[href^='/esim/']").click()
    page.wait_for_url(re.compile(r"/esim/\w+/$"))
    assert_accessible(page)
    stays(page)
    install_on_the_pretend_phone(page)
    # The page beside the phone follows it, to the end, by itself.
    expect(page.locator(".steps .dot.is-live")).to_have_count(6)
    assert page.evaluate("window.stayed") is True, "the page was loaded again"
    expect(page.locator("img.qr.big")).to_have_count(0)
    assert_accessible(page)
    page.goto(order)
    expect(page.locator("#status a[href$='receipt.pdf']")).to_be_visible()
    expect(page.locator("#status a[href^='/esim/']:not(.big)")).to_be_visible()
    assert_accessible(page)


# --- a profile that lies ready --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready(world: World, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Gino, signed in, and the address of his profile, which nobody installs."""
    state = tmp_path_factory.mktemp("gino") / "state.json"
    with context_of(chromium, "en", base_url=world.address) as context:
        page = context.new_page()
        order_esim(page, world, "gino@example.org")
        expect(page.locator("#status a.button.big[href^='/esim/']")).to_be_visible()
        path = page.locator("#status a.button.big[href^='/esim/']").get_attribute("href")
        context.storage_state(path=state)
    assert path
    return state, path


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS)
def test_it_looks_right_everywhere(
    language: str, scheme: str, size: dict[str, int], visit: Open, ready: tuple[Path, str]
) -> None:
    state, path = ready
    page = visit(language, state=state, color_scheme=scheme, viewport=size)
    speak(page, language)
    for kind in ("iphone", "android", "other", "desk"):
        page.goto(f"{path}?on={kind}")
        open_all(page)
        assert_accessible(page)
    page.reload()  # folded as it comes
    assert_accessible(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_sticks_out_of_a_small_phone(language: str, on_phone: Open, ready: tuple[Path, str]) -> None:
    state, path = ready
    page = on_phone(language, state=state, viewport={"width": 320, "height": 568})
    speak(page, language)
    page.goto(path)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size(PHONE)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_is_seen_without_scrolling(language: str, on_phone: Open, visit: Open, ready: tuple[Path, str]) -> None:
    """What is needed first is on the first screen: the link on a phone, the QR code at a desk."""
    state, path = ready
    page = on_phone(language, state=state, viewport=PHONE)
    speak(page, language)
    page.goto(path)
    first = page.locator("a[href*='/phone/esim_qrcode_provisioning']")
    above = page.evaluate("document.querySelector('.tabs').getBoundingClientRect().top")
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= above
    desk = visit(language, state=state, viewport=DESK)
    desk.goto(path)
    box = desk.locator("img.qr.big").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] / 2 <= DESK["height"]
    assert box["width"] >= 180


def test_a_code_is_copied_by_one_tap(visit: Open, ready: tuple[Path, str]) -> None:
    state, path = ready
    page = visit(state=state, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{path}?on=android")
    code = page.locator("#code-whole").inner_text()
    assert re.fullmatch(r"LPA:1\$[\w.:-]+\$[A-Z0-9-]{23}", code)
    button = page.locator("button[data-copy=code-whole]")
    button.click()
    expect(button).to_have_text("Copied")
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == code
    expect(button).to_have_text("Copy")


def test_without_a_clipboard_it_is_selected(visit: Open, ready: tuple[Path, str]) -> None:
    """As over http on a home network, or inside an app."""
    state, path = ready
    page = visit(state=state)
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto(f"{path}?on=android")
    page.locator("button[data-copy=code-id]").click()
    selected = page.evaluate("getSelection().toString()")
    assert selected.strip() == page.locator("#code-id").inner_text()


def test_without_script_it_is_selected_by_a_tap(visit: Open, ready: tuple[Path, str]) -> None:
    state, path = ready
    page = visit(state=state, java_script_enabled=False)
    page.goto(f"{path}?on=android")
    expect(page.locator("button[data-copy]").first).to_be_hidden()
    assert page.locator("#code-id").evaluate("one => getComputedStyle(one).userSelect") == "all"
    page.locator("details.more summary").first.click()
    expect(page.locator("img.qr.big")).to_be_visible()


def test_the_forms_of_the_page_are_taken(visit: Open, ready: tuple[Path, str]) -> None:
    """A page that told nobody where its forms come from would have them refused as forged."""
    state, path = ready
    page = visit(state=state)
    page.goto(path)
    page.locator("details.panel summary").last.click()
    page.locator("form[action$='/resend/'] button").click()
    expect(page.locator(".note.is-live")).to_contain_text("gino@example.org")


def test_the_messages_link_opens_it_on_a_phone(world: World, on_phone: Open, ready: tuple[Path, str]) -> None:
    mails = httpx.get(f"{world.mailbox}messages.json").json()["messages"]
    mine = next(mail for mail in mails if "gino@example.org" in mail["to"] and "/e/" in mail["text"])
    found = re.search(r"https?://\S+/e/\S+?/(?=\s|$)", mine["text"])
    assert found
    page = on_phone()
    page.goto(found[0])
    page.wait_for_url(re.compile(rf"{ready[1]}$"))
    expect(page.locator("a[href^='https://esimsetup.apple.com/']")).to_be_visible()
    assert "/e/" not in page.content()
    assert_accessible(page)
    back = page.goto("/lines/add/")
    assert back is not None
    assert "/account/login/" in page.url  # it opened that page and nothing else


def test_no_worker_keeps_it(visit: Open, ready: tuple[Path, str]) -> None:
    state, path = ready
    page = visit(state=state, service_workers="allow")
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    page.goto(path)
    expect(page.locator("img.qr.big")).to_have_count(1)
    kept = page.evaluate(
        """async () => {
          const found = [];
          for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
          return found;
        }"""
    )
    assert [one for one in kept if "esim" in one or one.startswith("/e/")] == []
    page.context.set_offline(True)
    page.goto(path)
    expect(page.locator("img.qr.big")).to_have_count(0)
    expect(page.locator(".row")).not_to_have_count(0)  # the list, as without a network it is


def test_the_wish_stays_when_another_product_is_chosen(visit: Open, ready: tuple[Path, str]) -> None:
    state, _path = ready
    page = visit(state=state)
    page.goto("/")
    line = page.locator(".row .name").first.get_attribute("href")
    page.goto(f"{line}renew/")
    page.locator("input[name=profile][value=keep]").check()
    page.locator("a.offer:not([aria-current])").first.click()
    page.wait_for_url(re.compile(r"profile=keep"))
    expect(page.locator("input[name=profile][value=keep]")).to_be_checked()
