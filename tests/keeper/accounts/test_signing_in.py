"""Signing up and in by e-mail code, through allauth's own pages."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from lineaviva.keeper.accounts.models import User
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.keeper.accounts.urls")]


def code_in_mail() -> str:
    text = str(mail.outbox[-1].body)
    found = re.search(r"^\s*([A-Z0-9]{2,4}-?[A-Z0-9]{2,6})\s*$", text, re.M)
    assert found, text
    return found[1]


def signed_in(client: Client) -> str:
    return client.get("/").content.decode()


def sign_up(client: Client, email: str, language: str) -> None:
    with translation.override(language):
        client.post(reverse("account_signup"), {"email": email}, HTTP_ACCEPT_LANGUAGE=language)


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "it", "en"])
def test_a_new_holder_keeps_the_language_of_the_sign_up_page(client: Client, language: str, now: datetime) -> None:
    sign_up(client, "Anna@example.org", language)
    anna = User.objects.get()
    assert (anna.email, anna.language, anna.role) == ("anna@example.org", language, "holder")
    assert anna.date_joined == now
    assert not anna.has_usable_password()
    assert signed_in(client) == "AnonymousUser"
    client.post(reverse("account_email_verification_sent"), {"code": code_in_mail()})
    assert signed_in(client) == "anna@example.org"


def test_an_account_made_by_an_import_signs_in_by_code(client: Client) -> None:
    factories.holder("bo@example.org")
    client.post(reverse("account_request_login_code"), {"email": "BO@example.org"})
    assert mail.outbox[-1].to == ["bo@example.org"]
    assert mail.outbox[-1].subject.startswith("Lineaviva: ")
    client.post(reverse("account_confirm_login_code"), {"code": code_in_mail()})
    assert signed_in(client) == "bo@example.org"


def test_a_wrong_code_signs_nobody_in(client: Client) -> None:
    factories.holder("bo@example.org")
    client.post(reverse("account_request_login_code"), {"email": "bo@example.org"})
    for _ in range(3):
        client.post(reverse("account_confirm_login_code"), {"code": "WRONG1"})
    client.post(reverse("account_confirm_login_code"), {"code": code_in_mail()})
    assert signed_in(client) == "AnonymousUser"


def test_nobody_learns_whether_an_address_has_an_account(client: Client) -> None:
    factories.holder("bo@example.org")
    known = client.post(reverse("account_request_login_code"), {"email": "bo@example.org"})
    unknown = Client().post(reverse("account_request_login_code"), {"email": "eve@example.org"})
    assert (known.status_code, known.headers["Location"]) == (unknown.status_code, unknown.headers["Location"])
    assert [message.to for message in mail.outbox] == [["bo@example.org"], ["eve@example.org"]]
    assert not User.objects.filter(email="eve@example.org").exists()


def test_an_account_that_is_switched_off_gets_in_by_no_code(client: Client) -> None:
    bo = factories.holder("bo@example.org")
    bo.is_active = False
    bo.save()
    client.post(reverse("account_request_login_code"), {"email": "bo@example.org"})
    codes = [re.findall(r"\b[A-Z0-9]{3}-?[A-Z0-9]{3}\b", str(message.body)) for message in mail.outbox]
    for code in [code for found in codes for code in found]:
        client.post(reverse("account_confirm_login_code"), {"code": code})
    assert signed_in(client) == "AnonymousUser"


def test_passkeys_and_totp_are_there_to_be_set_up(client: Client) -> None:
    client.force_login(factories.holder())
    page = client.get(reverse("mfa_index"))
    text = page.content.decode() if page.status_code == 200 else ""
    assert page.status_code in {200, 302}, text
    assert reverse("mfa_activate_totp")
    assert reverse("mfa_add_webauthn")
    assert reverse("mfa_login_webauthn")
