"""Every page, in every language: it opens, says nothing in a wrong language, weighs little and is well protected."""

from __future__ import annotations

import gzip
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.web.middleware import content_security_policy
from tests import factories
from tests.web.conftest import LANGUAGES, Browser, words
from tools import compile_messages

HTML_LANG = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "it": "it", "en": "en"}


def anna_paths(receipt: Receipt) -> dict[str, str]:
    order = receipt.order
    line = f"/lines/{order.line_id}"
    return {
        "list": "/",
        "line": f"{line}/",
        "add": "/lines/add/",
        "edit": f"{line}/edit/",
        "import": "/lines/import/",
        "renew": f"{line}/renew/",
        "automatic renewal": f"{line}/auto/",
        "renew another": f"{line}/renew/?offering=giga",
        "compare": f"{line}/compare/",
        "compare by need": f"{line}/compare/?data_gb=50&minutes=100&calls_to_china=on",
        "order": f"/orders/{order.code}/",
        "receipts": "/receipts/",
        "receipt": f"/orders/{order.code}/receipt/",
        "settings": "/settings/",
        "balance": "/settings/wallet/",
        "second step": "/account/2fa/",
        "passkeys": "/account/2fa/webauthn/",
        "add a passkey": "/account/2fa/webauthn/add/",
        "authenticator": "/account/2fa/totp/activate/",
        "sign out": "/account/logout/",
    }


def stranger_paths(receipt: Receipt) -> dict[str, str]:
    return {
        "first page": "/",
        "sign in": "/account/login/",
        "sign-in link": "/sign-in/any/",
        "proof": f"/proof/{receipt.proof_token}/",
        "offline": "/offline/",
    }


@pytest.fixture
def lines(receipt: Receipt, anna: User) -> Receipt:
    """Anna's list has a line in every state, so that every sentence of it is read."""
    factories.line(holder=anna, last_topup=date(2026, 11, 1), operator="windtre")
    factories.line(holder=anna, last_topup=date(2025, 10, 30))
    factories.line(holder=anna, last_topup=date(2025, 9, 1))
    factories.line(holder=anna, last_topup=date(2023, 9, 1))
    factories.line(holder=anna, last_topup=None)
    return receipt


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_a_holder_opens_in_her_language(language: str, lines: Receipt, page: Client) -> None:
    page.post("/language/", {"language": language})
    Receipt.objects.update(language=language)  # a receipt stays in the language of its order
    english = english_texts() if language != "en" else frozenset()
    for name, path in anna_paths(lines).items():
        response = page.get(path)
        assert response.status_code == 200, name
        assert f'<html lang="{HTML_LANG[language]}">' in response.content.decode(), name
        assert response.headers["Content-Language"] == HTML_LANG[language]
        assert_only(words(response), english, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_a_stranger_opens_in_their_language(language: str, lines: Receipt, browser: Browser) -> None:
    stranger = browser(accept_language=language)
    english = english_texts() if language != "en" else frozenset()
    for name, path in stranger_paths(lines).items():
        response = stranger.get(path)
        assert response.status_code == 200, name
        assert f'<html lang="{HTML_LANG[language]}">' in response.content.decode(), name
        assert_only(words(response), english, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_counter_opens_in_the_clerks_language(
    language: str, order: ProductOrder, chen: User, browser: Browser
) -> None:
    clerk = browser(chen)
    clerk.post("/language/", {"language": language})
    english = english_texts() if language != "en" else frozenset()
    for path in ("/counter/", f"/counter/?code={order.code}"):
        response = clerk.get(path)
        assert response.status_code == 200
        assert_only(words(response), english, path)


@cache
def english_texts() -> frozenset[str]:
    """The sentences of the pages as their sources have them, those without placeholders and long enough to be told."""
    texts = {str(text) for message in compile_messages.marked() for text in compile_messages._ids(message)}
    return frozenset(text for text in texts if len(text) >= 12 and not re.search(r"[%{<]", text))


def assert_only(text: str, english: frozenset[str], name: str) -> None:
    left = sorted(sentence for sentence in english if sentence in text)
    assert left == [], f"{name}: still in English: {left}"


# --- weight -------------------------------------------------------------------------------------------------------


def transfer(client: Client, path: str) -> int:
    """Bytes over the wire for a first visit: the page and each file it names, packed where that lies beside it."""
    html = client.get(path).content
    files = set(re.findall(rb'(?:src|href)="(/static/[^"?#]+)', html))
    return len(html) + sum(size_of(file.decode().removeprefix("/static/")) for file in files)


def size_of(path: str) -> int:
    found = Path(str(finders.find(path)))
    packed = found.with_name(f"{found.name}.gz")
    return (packed if packed.exists() else found).stat().st_size


def test_no_page_weighs_100_kilobytes(lines: Receipt, page: Client, browser: Browser) -> None:
    weights = {name: transfer(page, path) for name, path in anna_paths(lines).items()}
    weights |= {name: transfer(browser(), path) for name, path in stranger_paths(lines).items()}
    assert {name: weight for name, weight in weights.items() if weight >= 100_000} == {}


def test_a_list_of_thirty_lines_weighs_less_than_100_kilobytes(anna: User, page: Client) -> None:
    for _ in range(30):
        factories.line(holder=anna, label="A name of usual length")
    assert transfer(page, "/") < 100_000


def test_our_own_css_stays_small() -> None:
    assert size_of("web/app.css") < 25_000


def test_the_packed_htmx_is_the_plain_one() -> None:
    plain = Path(str(finders.find("web/vendor/htmx.min.js")))
    assert gzip.decompress(plain.with_name("htmx.min.js.gz").read_bytes()) == plain.read_bytes()
    assert finders.find("web/vendor/htmx.LICENSE.txt")


# --- headers ------------------------------------------------------------------------------------------------------


def test_pages_are_protected(page: Client, settings: Any) -> None:
    headers = page.get("/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"].startswith("'self' http")
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_no_page_has_script_or_style_of_its_own(lines: Receipt, page: Client, browser: Browser) -> None:
    pages = [page.get(path) for path in anna_paths(lines).values()]
    pages += [browser().get(path) for path in stranger_paths(lines).values()]
    for response in pages:
        html = response.content.decode()
        inline = [
            tag for tag in re.findall(r"<script\b[^>]*>", html) if "src=" not in tag and "application/json" not in tag
        ]
        assert inline == []
        assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", html)


def test_a_page_speaks_of_no_file_of_another_site(lines: Receipt, page: Client) -> None:
    for path in anna_paths(lines).values():
        html = page.get(path).content.decode()
        assert re.findall(r'(?:src|srcset|action)="https?:[^"]*"', html) == []


@pytest.mark.parametrize("policy_base", ["https://api.stripe.com", "http://127.0.0.1:8001"])
def test_forms_may_lead_to_the_card_page(policy_base: str, settings: Any, db: None) -> None:
    settings.STRIPE_API_BASE = policy_base
    expected = {"https://api.stripe.com": "https://checkout.stripe.com"}.get(policy_base, policy_base)
    assert f"form-action 'self' {expected}" in content_security_policy()


def test_tabs_say_where_one_is(mum: Line, page: Client) -> None:
    for path, tab in (
        ("/", "/"),
        (f"/lines/{mum.pk}/", "/"),
        ("/receipts/", "/receipts/"),
        ("/settings/", "/settings/"),
    ):
        html = page.get(path).content.decode()
        assert re.findall(r'<a href="([^"]*)" aria-current="page">', html) == [tab]


def test_a_stranger_has_no_tabs(browser: Browser) -> None:
    assert 'class="tabs"' not in browser().get("/").content.decode()


def test_only_staff_have_the_counters_tab(page: Client, chen: User, browser: Browser) -> None:
    assert 'href="/counter/"' not in page.get("/").content.decode()
    assert 'href="/counter/"' in browser(chen).get("/").content.decode()
