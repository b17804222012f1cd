"""Every page in light and dark, on a phone and at a desk: nothing for axe, nothing too small, nothing cut off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, LANGUAGES, PHONE, Open, assert_accessible

ANNAS = (
    "/",
    "LINE",
    "LINEedit/",
    "LINErenew/",
    "LINEauto/",
    "LINEcompare/?data_gb=10",
    "/lines/add/",
    "/lines/import/",
    "/receipts/",
    "/settings/",
    "/account/2fa/",
    "/account/2fa/webauthn/",
    "/account/2fa/webauthn/add/",
    "/account/2fa/totp/activate/",
    "/account/logout/",
    "/no/such/page/",
)
STRANGERS = ("/", "/account/login/", "/sign-in/none/", "/offline/", "/r/none/")
# Both themes and both widths, each with the other's language, so that every pair is seen once.
LOOKS = [
    pytest.param("zh-hans", "light", PHONE, id="phone light"),
    pytest.param("it", "dark", PHONE, id="phone dark"),
    pytest.param("zh-hant", "light", DESK, id="desk light"),
    pytest.param("en", "dark", DESK, id="desk dark"),
]


def speak(page: Page, language: str) -> None:
    page.goto("/")
    page.locator("details.languages summary").click()
    page.locator(f"button[name=language][value={language}]").click()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(language, re.I))


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS)
def test_every_page_of_a_holder(
    language: str, scheme: str, size: dict[str, int], visit: Open, annas_state: Path
) -> None:
    page = visit(language, state=annas_state, color_scheme=scheme, viewport=size)
    speak(page, language)
    line = page.locator(".row .name").first.get_attribute("href")
    assert line
    for path in ANNAS:
        page.goto(path.replace("LINE", line))
        open_all(page)
        assert_accessible(page)


@pytest.mark.parametrize(("language", "scheme", "size"), LOOKS)
def test_every_page_of_a_stranger(language: str, scheme: str, size: dict[str, int], visit: Open) -> None:
    page = visit(language, color_scheme=scheme, viewport=size)
    for path in STRANGERS:
        page.goto(path)
        open_all(page)
        assert_accessible(page)


def open_all(page: Page) -> None:
    """What is folded away is looked at, too; the language menu has a test of its own."""
    page.evaluate("document.querySelectorAll('details.more').forEach((one) => { one.open = true })")


def test_a_form_with_mistakes_is_accessible(visit: Open, annas_state: Path) -> None:
    page = visit("it", state=annas_state)
    page.goto("/lines/add/")
    page.locator("#id_msisdn").fill("12")
    page.locator("#id_operator").select_option("tim")
    page.locator("main form button").click()
    expect(page.locator("#id_msisdn")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_msisdn_error")).to_be_visible()
    assert_accessible(page)


def test_an_import_is_accessible(visit: Open, annas_state: Path, tmp_path: Path) -> None:
    page = visit(state=annas_state)
    good = tmp_path / "lines.csv"
    good.write_text("msisdn,operator,label\n347 765 4321,vodafone,Work\n")
    bad = tmp_path / "bad.csv"
    bad.write_text("msisdn,operator\n12,vodafone\n")
    for file in (bad, good):
        page.goto("/lines/import/")
        page.locator("#id_file").set_input_files(file)
        page.locator("main form button").click()
        expect(page.locator("table")).to_be_visible()
        assert_accessible(page)


@pytest.mark.parametrize("size", [PHONE, {"width": 320, "height": 568}], ids=["phone", "small phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_sticks_out(language: str, size: dict[str, int], visit: Open, annas_state: Path) -> None:
    page = visit(language, state=annas_state, viewport=size)
    speak(page, language)
    line = page.locator(".row .name").first.get_attribute("href") or ""
    for path in ("/", line, f"{line}renew/", "/lines/add/", "/receipts/", "/settings/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{language} {path}"


def test_text_twice_as_large_still_fits(visit: Open, annas_state: Path) -> None:
    page = visit("it", state=annas_state)
    page.goto("/")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- keyboard -----------------------------------------------------------------------------------------------------


def test_the_keyboard_reaches_the_content_first(visit: Open, annas_state: Path) -> None:
    page = visit(state=annas_state, viewport=DESK)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_the_focus_is_seen(visit: Open, annas_state: Path) -> None:
    page = visit(state=annas_state, viewport=DESK)
    page.goto("/")
    for _ in range(8):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", page.evaluate("document.activeElement.outerHTML.slice(0, 100)")


def test_the_language_menu_by_keyboard(visit: Open) -> None:
    page = visit("en")
    page.goto("/")
    page.locator("details.languages summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("button[value=it]")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("button[value=it]")).to_be_hidden()
    expect(page.locator("details.languages summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("button[value=it]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "it")


def test_nothing_moves_for_who_does_not_want_it(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    page.goto("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<i class=live-dot></i>')")
    assert page.evaluate("getComputedStyle(document.querySelector('.live-dot')).animationName") == "none"
