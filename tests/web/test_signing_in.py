"""Signing in by e-mail code and by one-time link, a second step, language, settings, signing out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

from lineaviva.keeper.accounts.actions import one_time_link_create
from lineaviva.keeper.accounts.models import OneTimeLink, User
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.web.conftest import LANGUAGES, Browser, words

ASK = "/account/login/code/"
CONFIRM = "/account/login/code/confirm/"


def code_in_mail() -> str:
    found = re.search(r"^ {4}(\S+)$", str(mail.outbox[-1].body), re.M)
    assert found, mail.outbox[-1].body
    return found[1]


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- by code ------------------------------------------------------------------------------------------------------


def test_a_known_person_signs_in_by_code(browser: Browser, anna: User) -> None:
    client = browser(accept_language="en")
    response = client.post(ASK, {"email": "Anna@example.org"}, follow=True)
    assert response.redirect_chain == [(CONFIRM, 302)]
    assert "We sent a code to anna@example.org." in words(response)
    assert not is_in(client)
    response = client.post(CONFIRM, {"code": code_in_mail()}, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert is_in(client)
    assert EmailAddress.objects.get().verified


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_person_gets_an_account_by_the_same_door(language: str, browser: Browser) -> None:
    client = browser(accept_language=language)
    client.post(ASK, {"email": "new@example.org"})
    user = User.objects.get()
    assert (user.email, user.language, user.role) == ("new@example.org", language, "holder")
    client.post(CONFIRM, {"code": code_in_mail()})
    assert is_in(client)


SUBJECTS = {"zh-hans": "登录验证码", "zh-hant": "登入驗證碼", "it": "Codice di accesso", "en": "Sign-in code"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mail_speaks_the_readers_language(language: str, browser: Browser) -> None:
    browser(accept_language=language).post(ASK, {"email": "new@example.org"})
    assert mail.outbox[0].subject == f"Lineaviva: {SUBJECTS[language]} {code_in_mail()}"
    assert mail.outbox[0].to == ["new@example.org"]


def test_a_wrong_code_signs_nobody_in(browser: Browser, anna: User) -> None:
    client = browser(accept_language="en")
    client.post(ASK, {"email": anna.email})
    response = client.post(CONFIRM, {"code": "WRONG-1"})
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    for _ in range(5):
        client.post(CONFIRM, {"code": "WRONG-1"})
    client.post(CONFIRM, {"code": code_in_mail()})
    assert not is_in(client)


@pytest.mark.parametrize("email", ["", "not an address", "a@b", "x" * 250 + "@example.org"])
def test_a_wrong_address_sends_nothing(email: str, browser: Browser) -> None:
    response = browser(accept_language="en").post(ASK, {"email": email})
    assert response.status_code == 200
    assert 'id="email-error"' in response.content.decode()
    assert mail.outbox == []
    assert User.objects.count() == 0


def test_an_account_that_is_switched_off_stays_out(browser: Browser, anna: User) -> None:
    User.objects.update(is_active=False)
    client = browser(accept_language="en")
    response = client.post(ASK, {"email": anna.email}, follow=True)
    assert "We sent a code to" in words(response)  # the page tells nothing about accounts
    assert "no account with it is switched on" in str(mail.outbox[0].body)
    assert User.objects.count() == 1


def test_codes_are_not_asked_for_too_often(browser: Browser, anna: User) -> None:
    client = browser(accept_language="en")
    for _ in range(6):
        client.post(ASK, {"email": anna.email})
    assert len(mail.outbox) <= 4


def test_a_code_can_be_sent_again(browser: Browser, anna: User) -> None:
    client = browser(accept_language="en")
    response = client.post(ASK, {"email": anna.email}, follow=True)
    if "Send another code" in words(response):
        client.post(CONFIRM, {"action": "resend"})
        assert len(mail.outbox) == 2


def test_the_way_on_is_kept_through_the_sign_in(browser: Browser, anna: User) -> None:
    client = browser()
    response = client.get("/settings/")
    assert response.headers["Location"] == "/account/login/?next=/settings/"
    assert 'name="next" value="/settings/"' in client.get(response.headers["Location"]).content.decode()
    client.post(f"{ASK}?next=/settings/", {"email": anna.email, "next": "/settings/"})
    response = client.post(CONFIRM, {"code": code_in_mail(), "next": "/settings/"})
    assert response.headers["Location"] == "/settings/"


def test_the_way_on_never_leads_away(browser: Browser, anna: User) -> None:
    client = browser()
    client.post(ASK, {"email": anna.email, "next": "https://evil.example/"})
    response = client.post(CONFIRM, {"code": code_in_mail(), "next": "https://evil.example/"})
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/account/signup/", "/account/login/"),
        ("/account/password/reset/", "/account/login/"),
        ("/account/password/change/", "/settings/"),
        ("/account/email/", "/settings/"),
    ],
)
def test_there_are_no_passwords(path: str, target: str, browser: Browser) -> None:
    assert browser().get(path).headers["Location"] == target


# --- by one-time link ---------------------------------------------------------------------------------------------


@pytest.fixture
def link(anna: User, now: datetime) -> str:
    return one_time_link_create(user=anna, now=now, valid_for=timedelta(hours=12))


def test_a_link_signs_in_once(link: str, browser: Browser) -> None:
    client = browser(accept_language="en")
    assert client.post(link).headers["Location"] == "/"
    assert is_in(client)
    again = browser(accept_language="en")
    response = again.post(link)
    assert response.status_code == 400
    assert "This sign-in link was used already; each works once." in words(response)
    assert not is_in(again)


def test_a_mail_scanner_does_not_use_it_up(link: str, browser: Browser) -> None:
    for _ in range(3):
        response = browser(accept_language="en").get(link)
        assert "This link signs you in once. Press the button to use it." in words(response)
        browser().head(link)
    assert OneTimeLink.objects.get().used_at is None


def test_an_old_link_does_not(link: str, browser: Browser, clock: FrozenClock) -> None:
    clock.advance(timedelta(hours=12))
    client = browser(accept_language="en")
    assert "This link is no longer valid." in words(client.post(link))
    assert not is_in(client)


@pytest.mark.parametrize("token", ["x", "A" * 400, "%20", "a%2Fb"])
def test_a_forged_link_does_not(token: str, link: str, browser: Browser) -> None:
    client = browser(accept_language="en")
    assert client.post(f"/sign-in/{token}/").status_code in {400, 404}
    assert not is_in(client)


def test_links_are_not_tried_one_after_the_other(link: str, browser: Browser) -> None:
    client = browser()
    answers = [client.post(f"/sign-in/{n}/").status_code for n in range(11)]
    assert answers == [400] * 10 + [429]


def test_a_link_of_another_person_changes_the_reader(link: str, anna: User, eve: User, browser: Browser) -> None:
    client = browser(eve)
    client.get("/lines/1/renew/")
    client.post(link)
    assert client.session["_auth_user_id"] == str(anna.pk)


def test_the_address_counts_as_proved(link: str, browser: Browser) -> None:
    """Else no passkey could be added by somebody whom the owner let in."""
    client = browser()
    client.post(link)
    assert EmailAddress.objects.get().verified
    assert client.get("/account/2fa/webauthn/add/").status_code == 200


# --- the second step ----------------------------------------------------------------------------------------------


@pytest.fixture
def totp_now(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The code of a secret; the clock of codes stands still, so that none ends between its making and its use."""
    then = time.time()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: then))
    return lambda secret: str(format_hotp_value(hotp_value(secret, int(then) // 30)))


def test_an_authenticator_app_is_switched_on_and_off(
    page: Client, anna: User, transactional_db: None, totp_now: Callable[[str], str]
) -> None:
    html = page.get("/account/2fa/totp/activate/").content.decode()
    secret = re.search(r'class="label" translate="no">(\w+)<', html)
    assert secret
    response = page.post("/account/2fa/totp/activate/", {"code": totp_now(secret[1])}, follow=True)
    assert "Each code lets you in once when the phone is lost." in words(response)
    assert "The authenticator app is on." in str(mail.outbox[-1].body)
    assert "Switch off" in words(page.get("/account/2fa/"))
    assert "Switch off the authenticator app?" in words(page.get("/account/2fa/totp/deactivate/"))
    page.post("/account/2fa/totp/deactivate/")
    assert Authenticator.objects.filter(type="totp").count() == 0


def test_who_signed_in_before_is_asked_again(anna: User, browser: Browser) -> None:
    TOTP.activate(anna, "JBSWY3DPEHPK3PXP")
    response = browser(anna).get("/account/2fa/totp/deactivate/", follow=True)
    assert "Is it you?" in words(response)
    assert Authenticator.objects.count() == 1


@pytest.mark.parametrize("code", ["000000", "", "abc"])
def test_a_wrong_code_switches_nothing_on(code: str, page: Client) -> None:
    page.get("/account/2fa/totp/activate/")
    response = page.post("/account/2fa/totp/activate/", {"code": code})
    assert 'id="code-error"' in response.content.decode()
    assert Authenticator.objects.count() == 0


def test_the_link_alone_is_not_enough_then(
    link: str, anna: User, browser: Browser, totp_now: Callable[[str], str]
) -> None:
    TOTP.activate(anna, "JBSWY3DPEHPK3PXP")
    client = browser(accept_language="en")
    response = client.post(link, follow=True)
    assert response.redirect_chain == [("/account/2fa/authenticate/", 302)]
    assert "Enter the code of your authenticator app, or a recovery code." in words(response)
    assert not is_in(client)
    client.post("/account/2fa/authenticate/", {"code": totp_now("JBSWY3DPEHPK3PXP")})
    assert is_in(client)


def test_a_recovery_code_lets_in_once(link: str, anna: User, browser: Browser) -> None:
    TOTP.activate(anna, "JBSWY3DPEHPK3PXP")
    code = RecoveryCodes.activate(anna).get_unused_codes()[0]
    client = browser()
    client.post(link)
    client.post("/account/2fa/authenticate/", {"code": code})
    assert is_in(client)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_the_second_step_open(
    language: str, anna: User, browser: Browser, totp_now: Callable[[str], str]
) -> None:
    User.objects.update(language=language)
    TOTP.activate(anna, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(anna)
    anna.refresh_from_db()
    client = browser(anna)
    assert client.get("/account/2fa/").status_code == 200
    for path in ("totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "webauthn/add/"):
        response = client.get(f"/account/2fa/{path}")
        if response.status_code == 302:
            assert client.get(response.headers["Location"]).status_code == 200, path
    client.post("/account/2fa/reauthenticate/", {"code": totp_now("JBSWY3DPEHPK3PXP")})
    for path in ("totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "webauthn/add/"):
        assert client.get(f"/account/2fa/{path}").status_code == 200, path


# --- language and settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("it-IT,it;q=0.9", "it"),
        ("fr-FR,it;q=0.5,en;q=0.4", "it"),
        ("de-DE", "en"),
        ("en;q=0.1,zh;q=0.9", "zh-Hans"),
        ("", "zh-Hans"),
        ("it;q=x,,;;", "en"),
        ("it;q=0", "en"),
        ("x" * 5000, "en"),
    ],
)
def test_a_stranger_is_spoken_to_as_the_browser_asks(asked: str, spoken: str, browser: Browser) -> None:
    assert browser(accept_language=asked).get("/").headers["Content-Language"] == spoken


def test_a_stranger_chooses_another(browser: Browser) -> None:
    client = browser(accept_language="en")
    assert client.post("/language/", {"language": "zh-hant", "next": "/"}).headers["Location"] == "/"
    assert client.get("/").headers["Content-Language"] == "zh-Hant"


@pytest.mark.parametrize("language", ["fr", "", "../x"])
def test_a_language_of_nobody_is_not_kept(language: str, browser: Browser, page: Client, anna: User) -> None:
    client = browser(accept_language="en")
    assert client.post("/language/", {"language": language}).cookies == {}
    assert page.post("/language/", {"language": language}).status_code == 400
    anna.refresh_from_db()
    assert anna.language == "en"


def test_a_holders_language_goes_with_her(page: Client, anna: User, browser: Browser) -> None:
    page.post("/language/", {"language": "it"})
    anna.refresh_from_db()
    assert anna.language == "it"
    assert browser(anna, accept_language="en").get("/").headers["Content-Language"] == "it"


def test_settings_are_saved(page: Client, anna: User) -> None:
    response = page.post("/settings/", {"name": " Anna  Rossi ", "language": "it"}, follow=True)
    assert "Salvato." in words(response)
    anna.refresh_from_db()
    assert (anna.name, anna.language) == ("Anna Rossi", "it")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "x" * 121, "language": "it"}, "name"),
        ({"name": "a\u202eb", "language": "it"}, "name"),
        ({"name": "Anna", "language": "fr"}, "language"),
        ({}, "language"),
    ],
)
def test_wrong_settings_change_nothing(sent: dict[str, str], field: str, page: Client, anna: User) -> None:
    response = page.post("/settings/", sent)
    assert response.status_code == 400
    assert f'id="id_{field}_error"' in response.content.decode()
    anna.refresh_from_db()
    assert (anna.name, anna.language) == ("", "en")


def test_signing_out(page: Client) -> None:
    assert "Sign out" in words(page.get("/account/logout/"))
    assert is_in(page)
    response = page.post("/account/logout/", follow=True)
    assert not is_in(page)
    assert "You have signed out." in words(response)
    assert response.headers["X-Lineaviva-Reader"] == ""


def test_forms_need_their_token(browser: Browser, anna: User, settings: Any) -> None:
    client = browser(anna)
    client.handler.enforce_csrf_checks = True
    response = client.post("/lines/add/", {"msisdn": "347 765 4321", "operator": "tim"})
    assert response.status_code == 403
    assert "This page was open too long, or cookies are switched off." in words(response)
    assert factories.Line.objects.count() == 0
