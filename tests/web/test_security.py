"""What must hold on every page: nobody is sent to another site, forged forms do nothing, no card ever comes to us."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from lineaviva.config import env
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.web import doors, ways
from tests.web.conftest import Bank, Browser

# --- nobody is sent to another site ---------------------------------------------------------------------------------

TRICKS = [
    "https://evil.test/",
    "//evil.test/",
    "///evil.test/",
    "////evil.test",
    "/\\evil.test/",
    "\\\\evil.test/",
    "\\/evil.test",
    "/\t/evil.test/",
    "/\n/evil.test/",
    "\t//evil.test/",
    " //evil.test/",
    "\x00//evil.test/",
    "http:evil.test",
    "http:///evil.test",
    "https:/evil.test",
    "HTTPS://evil.test",
    "//evil.test%2f..",
    "//127.0.0.1:8000@evil.test/",
    "https://127.0.0.1@evil.test/",
    "//evil\u3002test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.test",
    "",
]
# A browser takes these for another site's, whatever our checks think of them.
_ABROAD = re.compile(r"^\s*([a-z][a-z0-9+.\-]*:|[/\\]\s*[/\\])", re.IGNORECASE)


def leads_abroad(target: str) -> bool:
    """As browsers read it: tabs and line ends do not count, a backslash is a slash."""
    return bool(_ABROAD.match(re.sub(r"[\t\r\n\x00]", "", target)))


def _language(client: Client, target: str) -> Any:
    return client.post("/language/", {"language": "it", "next": target})


def _sign_out(client: Client, target: str) -> Any:
    return client.post("/account/logout/", {"next": target})


def _sign_in(client: Client, target: str) -> Any:
    return client.get("/account/login/", {"next": target})


def _sign_in_again(client: Client, target: str) -> Any:
    return client.get("/account/reauthenticate/", {"next": target})


def _wallet(client: Client, target: str) -> Any:
    return client.get("/settings/wallet/", {"next": target})


def _error(client: Client, target: str) -> Any:
    return client.get(target if target.startswith("/") else f"/{target}")


REDIRECTS: list[Callable[[Client, str], Any]] = [_language, _sign_out, _sign_in, _sign_in_again, _wallet, _error]


@pytest.mark.parametrize("door", REDIRECTS)
def test_no_door_leads_to_another_site(door: Callable[[Client, str], Any], anna: User, browser: Browser) -> None:
    client = browser(anna)
    for trick in TRICKS:
        response = door(client, trick)
        client.force_login(anna)
        assert response.status_code in {200, 302, 400, 403, 404}, trick
        assert not leads_abroad(response.headers.get("Location", "/")), trick
        page = response.content.decode()
        links = re.findall(r"""(?:href|action|formaction)=["']([^"']*)""", page)
        assert [link for link in links if "evil" in link and leads_abroad(link)] == [], trick


@pytest.mark.parametrize("trick", TRICKS)
def test_a_path_of_ours_is_a_path_of_ours(trick: str) -> None:
    assert doors.safe_path(RequestFactory().get("/"), trick, "/home/") == "/home/"


def test_a_path_that_is_ours_stays() -> None:
    for path in ("/", "/orders/K2M7F5PW/?from=payment", "/lines/1/#share"):
        assert doors.safe_path(RequestFactory().get("/"), path, "/home/") == path


@pytest.mark.parametrize(
    "page",
    [
        *(trick for trick in TRICKS),
        "https://checkout.stripe.com.evil.test/c/pay/1",
        "https://checkout.stripe.com@evil.test/",
        "http://checkout.stripe.com/c/pay/1",
        "https://checkout.stripe.com:444/",
        "https://evil.test/?https://checkout.stripe.com",
        "https://www.paypal.com.evil.test/",
        "https://evil.test#https://www.paypal.com/",
    ],
)
def test_a_payer_is_sent_to_the_providers_pages_only(
    page: str, order: ProductOrder, anna: User, browser: Browser, bank: type[Bank], settings: Any, now: Any
) -> None:
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    assert not ways.is_payment_page(page)
    payment_begin(order=order, provider="stripe", now=now)
    PaymentAttempt.objects.update(redirect_url=page)
    response = browser(anna).post(f"/orders/{order.code}/pay/", {"pay": "stripe"})
    assert (response.status_code, response.url) == (302, f"/orders/{order.code}/")


# --- forged forms ---------------------------------------------------------------------------------------------------


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield before + str(each.pattern), each.callback
        else:
            yield from patterns(each, before + str(each.pattern))


# Who calls them is a program that signs what it sends, or whose address is a secret.
FOR_PROGRAMS = {
    "webhooks/<slug:source>",
    "es2plus/<slug:operator>/<str:token>/gsma/rsp2/es2plus/handleDownloadProgressInfo",
}


def test_only_doors_for_programs_take_forms_from_anywhere() -> None:
    exempt = {path for path, view in patterns(get_resolver()) if getattr(view, "csrf_exempt", False)}
    assert exempt == FOR_PROGRAMS


@pytest.mark.parametrize("act", ["pay", "cancel"])
def test_a_forged_form_neither_pays_nor_cancels(
    act: str, order: ProductOrder, anna: User, bank: type[Bank], browser: Browser
) -> None:
    client = browser(anna)
    client.handler.enforce_csrf_checks = True
    response = client.post(f"/orders/{order.code}/{act}/", {"pay": "stripe"})
    order.refresh_from_db()
    assert (response.status_code, order.state, PaymentAttempt.objects.count()) == (403, "placed", 0)


# --- cards and secrets ----------------------------------------------------------------------------------------------


def test_no_page_asks_for_a_card(order: ProductOrder, mum: Line, page: Client, bank: type[Bank]) -> None:
    for path in (f"/lines/{mum.pk}/renew/", f"/orders/{order.code}/", f"/lines/{mum.pk}/auto/", "/settings/"):
        html = page.get(path).content.decode().lower()
        fields = re.findall(r"""<input[^>]*(?:name|autocomplete)=["']([^"']*)""", html)
        assert [field for field in fields if re.search(r"card|cvc|cvv|\bcc-|iban|expir", field)] == [], path
        assert "<iframe" not in html


def test_what_is_a_secret_can_come_from_a_file_and_is_marked_as_one() -> None:
    words = re.compile(r"(_KEY|_SECRET|_TOKENS?|PASSWORD|DATABASE_URL|_CLIENTS)$")
    open_secrets = {name for name, found in env.READ.items() if words.search(name) and not found.secret}
    # Folders of certificates, which are no secrets.
    assert open_secrets == {"LINEAVIVA_SMDP_CLIENTS"}


def test_over_https_cookies_stay_on_https() -> None:
    secure = django_settings.PUBLIC_URL.startswith("https://")
    assert secure is django_settings.SESSION_COOKIE_SECURE is django_settings.CSRF_COOKIE_SECURE
    assert django_settings.SESSION_COOKIE_HTTPONLY
    assert django_settings.SESSION_COOKIE_SAMESITE == "Lax"
