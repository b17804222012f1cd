"""The pretend phone's pages: what they ask, do and say, in four languages and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from lineaviva.kernel.errors import InvalidInput, LineavivaError
from lineaviva.sandbox.languages import LANGUAGES
from lineaviva.sandbox.phone import device, texts
from lineaviva.sandbox.phone.errors import ChipRefused, OperatorRefused, PhoneError, Unreachable
from tests.sandbox.phone.server import Smdp

pytestmark = pytest.mark.urls("lineaviva.sandbox.provider.urls")
INSTALL = "/phone/esim_qrcode_provisioning"
ICCID = "8939880000000000017"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "phone"


@pytest.fixture(autouse=True)
def sandbox(settings: Any, folder: Path, certs: Path) -> None:
    settings.SANDBOX_PHONE, settings.SANDBOX_PHONE_CERTS = str(folder), str(certs)
    settings.SANDBOX_WEBHOOK_URL = "http://127.0.0.1:8000/webhooks/stripe"


@pytest.fixture
def lpa(server: Smdp) -> str:
    return f"LPA:1${server.address}$K7-QX2M"


def alert(answer: Any) -> str:
    found = re.search(r'role="alert"[^>]*>([^<]*)<', answer.content.decode())
    assert found
    return found[1]


# --- install ----------------------------------------------------------------------------------------------------------


def test_the_link_asks_before_it_does_anything(client: Client, lpa: str, server: Smdp, folder: Path) -> None:
    answer = client.get(f"{INSTALL}?carddata={quote(lpa, safe='')}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Add this eSIM?" in page
    assert f"<code>{server.address}</code>" in page
    assert (server.asked, folder.exists()) == ([], False)
    assert 'href="http://127.0.0.1:8000/"' in page
    # To another site the address, which has the code in it, is not told.
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]


def test_a_tap_installs_switches_on_and_says_so(client: Client, lpa: str, server: Smdp, folder: Path) -> None:
    answer = client.post(INSTALL, {"carddata": lpa})
    assert (answer.status_code, answer["Location"]) == (303, "/phone/?new=1")
    page = client.get("/phone/?new=1").content.decode()
    assert "Vera Europa: installed and switched on; the operator has been told." in page
    assert ICCID not in page
    assert device.look(folder).chip.identity.eid not in page
    assert [event for _, event, _ in server.taken] == [0x80, 0x40]


def test_a_link_that_is_opened_again_leads_to_what_it_brought(client: Client, lpa: str, server: Smdp) -> None:
    client.post(INSTALL, {"carddata": lpa})
    asked = len(server.asked)
    for again in (client.get(INSTALL, {"carddata": lpa}), client.post(INSTALL, {"carddata": lpa})):
        assert (again.status_code, again["Location"]) == (303, "/phone/?new=1")
    assert len(server.asked) == asked


@pytest.mark.parametrize("carddata", ["", "x", "LPA:1$", "LPA:1$a b$c", "LPA:2$host$id", "LPA:1$h$\x00"])
def test_a_link_without_a_code_is_said_so(client: Client, folder: Path, carddata: str) -> None:
    for answer in (client.get(INSTALL, {"carddata": carddata}), client.post(INSTALL, {"carddata": carddata})):
        assert answer.status_code == 400
        assert alert(answer) == "This link holds no activation code that can be used. Open it again from Lineaviva."
    assert not folder.exists()


def test_a_page_of_somebody_else_cannot_install(lpa: str, server: Smdp, folder: Path, settings: Any) -> None:
    # The program of the bank has no page of its own for it, as the keeper has.
    settings.CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
    answer = Client(enforce_csrf_checks=True).post(INSTALL, {"carddata": lpa})
    assert answer.status_code == 403
    assert (server.asked, folder.exists()) == ([], False)


def test_what_is_typed_into_the_link_is_shown_as_text(client: Client) -> None:
    page = client.get(INSTALL, {"carddata": 'LPA:1$127.0.0.1$"><script>alert(1)</script>'}).content.decode()
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("codes", "name", "again"),
    [
        (("8.2", "1.2"), "used", False),
        (("8.2.6", "3.8"), "unknown", True),
        (("8.1.1", "3.8"), "other_phone", True),
        (("8.8.5", "4.10"), "expired", True),
        (("8.8.5", "6.4"), "blocked", True),
        (("1.2", "3.4"), "refused", True),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_refusal_is_said_in_words(
    client: Client, lpa: str, server: Smdp, folder: Path, codes: tuple[str, str], name: str, again: bool
) -> None:
    server.refusals["authenticateClient"] = codes
    answer = client.post(INSTALL, {"carddata": lpa})
    assert answer.status_code == 409
    assert alert(answer) == texts.words("en")[f"failed_{name}"].replace("'", "&#x27;")
    assert ("Try again" in answer.content.decode()) is again
    assert f"{codes[0]}/{codes[1]}" in answer.content.decode()
    assert device.look(folder).chip.state.profiles == []


def test_a_server_that_is_away_is_said_so(client: Client, folder: Path) -> None:
    answer = client.post(INSTALL, {"carddata": "LPA:1$127.0.0.1:1$K7-QX2M"})
    assert (answer.status_code, alert(answer)) == (409, texts.words("en")["failed_unreachable"].replace("'", "&#x27;"))
    assert device.look(folder).chip.state.profiles == []


def test_a_confirmation_code_is_asked_for_and_asked_again(client: Client, lpa: str, server: Smdp) -> None:
    server.confirmation_code = "4711"
    assert 'name="confirmation_code"' not in client.get(INSTALL, {"carddata": lpa}).content.decode()
    asked = client.get(INSTALL, {"carddata": f"{lpa}$$1"}).content.decode()
    assert 'name="confirmation_code"' in asked
    # The code's last part may lack what the server asks for.
    for given in ({}, {"confirmation_code": "4712"}):
        answer = client.post(INSTALL, {"carddata": lpa, **given})
        assert answer.status_code == 409
        assert 'name="confirmation_code"' in answer.content.decode()
    assert client.post(INSTALL, {"carddata": lpa, "confirmation_code": " 4711 "}).status_code == 303


def test_without_the_sandbox_there_is_no_phone(client: Client, settings: Any, lpa: str, folder: Path) -> None:
    settings.SANDBOX_PHONE_CERTS = str(folder / "none")
    answer = client.post(INSTALL, {"carddata": lpa})
    assert (answer.status_code, alert(answer)) == (409, texts.words("en")["failed_no_phone"].replace("'", "&#x27;"))


# --- the phone --------------------------------------------------------------------------------------------------------


def test_a_phone_that_was_never_used_is_empty(client: Client, folder: Path) -> None:
    page = client.get("/phone/")
    assert page.status_code == 200
    assert "There is none yet." in page.content.decode()
    assert not folder.exists()


def test_a_profile_is_switched_off_and_on_and_deleted(client: Client, lpa: str, server: Smdp, folder: Path) -> None:
    client.post(INSTALL, {"carddata": lpa})
    for act, state in (("disable", [False]), ("enable", [True]), ("delete", [])):
        answer = client.post(f"/phone/1/{act}")
        assert (answer.status_code, answer["Location"]) == (303, "/phone/")
        assert [one.enabled for one in device.look(folder).chip.state.profiles] == state
    assert [event for _, event, _ in server.taken] == [0x80, 0x40, 0x20, 0x40, 0x20, 0x10]
    assert client.post("/phone/1/delete").status_code == 409


@pytest.mark.parametrize("path", ["/phone/1/eat", "/phone/1/find", "/phone/x/enable"])
def test_the_phone_does_nothing_else(client: Client, lpa: str, folder: Path, path: str) -> None:
    client.post(INSTALL, {"carddata": lpa})
    assert client.post(path).status_code == 404
    assert [one.enabled for one in device.look(folder).chip.state.profiles] == [True]


@pytest.mark.parametrize("path", ["/phone/1/delete", "/phone/messages"])
def test_looking_changes_nothing(client: Client, lpa: str, folder: Path, path: str) -> None:
    client.post(INSTALL, {"carddata": lpa})
    assert client.get(path).status_code == 405
    assert len(device.look(folder).chip.state.profiles) == 1


def test_what_the_operator_does_not_know_yet_is_shown_and_sent(client: Client, lpa: str, server: Smdp) -> None:
    server.deaf = True
    client.post(INSTALL, {"carddata": lpa})
    assert alert(client.get("/phone/")) == "The operator has not been told yet (2)"
    server.deaf = False
    assert client.post("/phone/messages").status_code == 303
    assert 'role="alert"' not in client.get("/phone/").content.decode()
    assert [event for _, event, _ in server.taken] == [0x80, 0x40]


@pytest.mark.parametrize("path", ["/phone/messages", "/phone/1/enable"])
def test_a_phone_that_is_not_there_is_said_so(client: Client, folder: Path, path: str) -> None:
    answer = client.post(path)
    assert (answer.status_code, alert(answer)) == (409, texts.words("en")["failed_no_phone"].replace("'", "&#x27;"))
    assert not folder.exists()


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "lang", "title"),
    [
        ("it", "it", "Aggiungere questa eSIM?"),
        ("zh-CN", "zh-Hans", "添加这个 eSIM？"),
        ("zh-TW", "zh-Hant", "要加入這個 eSIM 嗎？"),
        ("de", "en", "Add this eSIM?"),
    ],
)
def test_the_pages_speak_the_readers_language(client: Client, lpa: str, accept: str, lang: str, title: str) -> None:
    page = client.get(INSTALL, {"carddata": lpa}, headers={"Accept-Language": accept}).content.decode()
    assert f'<html lang="{lang}">' in page
    assert f"<h1>{title}</h1>" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_every_language(language: str) -> None:
    say = texts.words(language)
    assert all(say.values())
    names = {*texts._FAILURES.values(), *texts._REFUSALS.values(), "refused", "other"}
    assert {name for name in say if name.startswith("failed_")} == {f"failed_{name}" for name in (*names, "title")}
    if language.startswith("zh"):
        assert all(re.search(r"[\u4e00-\u9fff]", text) for text in say.values())


def test_traditional_is_not_simplified_with_other_characters() -> None:
    simplified, traditional = texts.words("zh-hans"), texts.words("zh-hant")
    # Words that differ in Taiwan and Hong Kong, not only in their characters.
    assert ("配置文件" in simplified["add_text"], "設定檔" in traditional["add_text"]) == (True, True)
    assert ("激活码" in simplified["failed_code"], "啟用碼" in traditional["failed_code"]) == (True, True)
    assert all(simplified[name] != traditional[name] for name in simplified)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (InvalidInput("x", code="activation_code_invalid"), "code"),
        (InvalidInput("x", code="phone_certs_invalid"), "no_phone"),
        (Unreachable("x"), "unreachable"),
        (Unreachable("x", code="smdp_certificate"), "not_trusted"),
        (OperatorRefused("x", subject="8.2.7", reason="6.4"), "blocked"),
        (OperatorRefused("x"), "refused"),
        (ChipRefused("memory", "x", b"", "no_memory"), "memory"),
        (ChipRefused("signature", "x", b""), "not_trusted"),
        (PhoneError("x", code="rules"), "rules"),
        (PhoneError("x", code="phone_busy"), "busy"),
        (PhoneError("x", code="phone_damaged"), "other"),
        (PhoneError("x"), "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "code", ""),
)
def test_each_failure_has_its_words(error: LineavivaError, name: str) -> None:
    assert texts.failure_of(error) == name
