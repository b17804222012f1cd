"""The installed page without a network: the last list is read, and never by the next person on the same phone."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, World, assert_accessible
from tests.patience import until


def with_worker(visit: Open, **facts: object) -> Page:
    page = visit(service_workers="allow", **facts)
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()  # now the worker sees the page
    return page


def without_network(page: Page) -> None:
    page.context.set_offline(True)


def test_the_list_is_read_without_a_network(visit: Open, annas_state: Path) -> None:
    page = with_worker(visit, state=annas_state)
    expect(page.locator(".row")).not_to_have_count(0)
    shown = page.locator(".row").count()
    expect(page.locator(".offline")).to_be_hidden()
    without_network(page)
    page.goto("/")
    expect(page.locator(".row")).to_have_count(shown)
    expect(page.locator(".offline")).to_be_visible()
    expect(page.locator(".offline")).to_contain_text(re.compile(r"20\d\d"))
    expect(page.locator(".row .act").first).to_be_hidden()  # what cannot work is not offered
    assert_accessible(page)
    page.goto("/settings/")
    expect(page.locator(".row")).to_have_count(shown)
    page.context.set_offline(False)
    expect(page.locator("#id_language")).to_be_visible()  # the settings: the page is loaded anew by itself
    page.goto("/")
    expect(page.locator(".offline")).to_be_hidden()
    expect(page.locator(".row .act").first).to_be_visible()


def test_a_file_is_downloaded_past_the_worker(visit: Open, annas_state: Path) -> None:
    page = with_worker(visit, state=annas_state)
    with page.expect_download() as download:
        page.locator("a[href='/lines/export/']").click()
    assert download.value.suggested_filename == "lineaviva.csv"
    assert Path(download.value.path()).read_text().startswith("msisdn,operator")


def test_a_page_that_is_open_notices_the_loss(visit: Open, annas_state: Path) -> None:
    page = with_worker(visit, state=annas_state)
    without_network(page)
    expect(page.locator(".offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".offline")).to_be_hidden()


def test_a_stranger_without_a_network_gets_nothing_of_anybody(visit: Open) -> None:
    page = with_worker(visit)
    without_network(page)
    page.goto("/")
    expect(page.locator(".empty h1")).to_be_visible()
    expect(page.locator(".row")).to_have_count(0)


def test_signing_out_forgets_the_list(world: World, visit: Open) -> None:
    page = visit("en", service_workers="allow")
    sign_in_by_code(page, world, "forget@example.org")
    page.evaluate("navigator.serviceWorker.ready")
    page.goto("/")
    keeps(page)
    page.goto("/account/logout/")
    page.locator("main form button").click()
    expect(page.locator(".hero")).to_be_visible()
    assert kept(page) is False
    without_network(page)
    page.goto("/")
    assert "forget@example.org" not in page.content()
    expect(page.locator("a[href='/lines/add/']")).to_have_count(0)


def test_the_next_reader_does_not_see_the_one_before(world: World, visit: Open) -> None:
    """Even where nobody signed out: the session ended, and somebody else signed in."""
    page = visit("en", service_workers="allow")
    sign_in_by_code(page, world, "before@example.org")
    page.evaluate("navigator.serviceWorker.ready")
    page.goto("/")
    keeps(page)
    page.context.clear_cookies()
    page.goto("/offline/")
    page.goto("/account/login/")
    assert kept(page) is False


KEPT = "caches.open('list').then((c) => c.match('/')).then(Boolean)"


def keeps(page: Page) -> None:
    """The worker writes after it has answered."""
    until(lambda: page.evaluate(KEPT), every=0.1)


def kept(page: Page) -> bool:
    page.wait_for_timeout(300)
    found: bool = page.evaluate(KEPT)
    return found


def sign_in_by_code(page: Page, world: World, email: str) -> None:
    page.goto("/")
    page.locator("#id_email").fill(email)
    page.locator("form[action='/account/login/code/'] button").click()
    page.locator("#id_code").fill(world.code_for(email))
    page.locator("form:has(#id_code) button").first.click()
    expect(page.locator(".empty h1")).to_be_visible()


def test_it_can_be_installed(world: World, visit: Open) -> None:
    page = visit("en", service_workers="allow")
    page.goto("/")
    manifest = page.locator("link[rel=manifest]").get_attribute("href")
    document = httpx.get(f"{world.address}{manifest}").json()
    assert document["display"] == "standalone"
    for icon in document["icons"]:
        answer = httpx.get(f"{world.address}{icon['src']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_a_passkey_is_added_and_signs_in(world: World, visit: Open) -> None:
    page = visit("en")
    key = page.context.new_cdp_session(page)
    key.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    key.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(world.address.replace("127.0.0.1", "localhost"))  # a passkey belongs to a name, not to an address
    page.locator("#id_email").fill("passkey@example.org")
    page.locator("form[action='/account/login/code/'] button").click()
    page.locator("#id_code").fill(world.code_for("passkey@example.org"))
    page.locator("form:has(#id_code) button").first.click()
    expect(page.locator(".empty h1")).to_be_visible()
    page.goto(page.url + "account/2fa/webauthn/add/")
    page.locator("#id_name").fill("My phone")
    page.locator("#mfa_webauthn_add").click()
    expect(page.locator("h1")).to_have_text("Recovery codes")
    assert_accessible(page)
    page.goto(page.url.split("/account/")[0] + "/account/logout/")
    page.locator("main form button").click()
    page.locator("#passkey_login").click()
    expect(page.locator(".empty h1")).to_be_visible()
