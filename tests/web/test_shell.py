"""What makes the pages installable and readable without a network; the health page; pages for refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.staticfiles import finders
from django.db import DatabaseError
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.web.templatetags.lineaviva import asset
from lineaviva.kernel.errors import Conflict
from tests.web.conftest import LANGUAGES, Browser, words


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_speaks_the_readers_language(language: str, browser: Browser) -> None:
    response = browser(accept_language=language).get("/manifest.webmanifest")
    assert response.headers["Content-Type"] == "application/manifest+json"
    document = json.loads(response.content)
    assert (document["name"], document["display"], document["start_url"]) == ("Lineaviva", "standalone", "/")
    assert document["lang"] == response.headers["Content-Language"]
    assert len({document["description"]} | {"Keep your Italian number alive"}) == (1 if language == "en" else 2)


def test_its_icons_are_there_in_their_sizes(browser: Browser) -> None:
    icons = browser().get("/manifest.webmanifest").json()["icons"]
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        found = finders.find(icon["src"].removeprefix("/static/").partition("?")[0])
        assert size(Path(str(found))) == tuple(int(side) for side in icon["sizes"].split("x"))


def test_the_service_worker_serves_the_whole_site(browser: Browser) -> None:
    response = browser().get("/sw.js")
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.headers["Cache-Control"] == "no-cache"
    script = response.content.decode()
    files = json.loads(re.search(r"const FILES = (\[.*?\]);", script)[1])  # type: ignore[index]
    assert "/offline/" in files
    assert all(finders.find(f.removeprefix("/static/").partition("?")[0]) for f in files if f != "/offline/")
    assert "VERSION" not in script
    assert "SHELL_FILES" not in script


def test_pages_ask_for_the_files_that_the_worker_keeps(browser: Browser) -> None:
    """Else the kept page would come without its style."""
    html = browser().get("/").content.decode()
    script = browser().get("/sw.js").content.decode()
    for path in ("web/app.css", "web/app.js", "web/icons.svg"):
        assert asset(path) in html
        assert asset(path) in script


def test_a_page_says_whose_it_is_without_saying_who(page: Client, anna: User, eve: User, browser: Browser) -> None:
    annas, eves = page.get("/").headers["X-Lineaviva-Reader"], browser(eve).get("/").headers["X-Lineaviva-Reader"]
    assert re.fullmatch(r"[0-9a-f]{16}", annas)
    assert annas != eves
    assert page.get("/settings/").headers["X-Lineaviva-Reader"] == annas
    assert browser().get("/").headers["X-Lineaviva-Reader"] == ""


def test_the_offline_page_is_nobodys(page: Client) -> None:
    response = page.get("/offline/")
    assert response.headers["X-Lineaviva-Reader"] == ""
    assert 'class="tabs"' not in response.content.decode()


def test_an_unknown_file_is_a_mistake_of_ours() -> None:
    with pytest.raises(LookupError, match="no static file web/nothing"):
        asset("web/nothing.css")


# --- health -------------------------------------------------------------------------------------------------------


def test_it_is_well(browser: Browser) -> None:
    response = browser().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"ok": True, "database": "reachable"})
    assert response.cookies == {}


def test_it_says_when_the_database_is_gone(browser: Browser) -> None:
    with patch("lineaviva.keeper.web.views.shell.connection.cursor", side_effect=DatabaseError("secret host")):
        response = browser().get("/healthz")
    assert (response.status_code, response.json()) == (503, {"ok": False, "database": "unreachable"})


# --- refusals -----------------------------------------------------------------------------------------------------

NOTHING = {"zh-hans": "找不到", "zh-hant": "找不到", "it": "Qui non c’è nulla", "en": "Nothing here"}
BROKEN = {"zh-hans": "出了点问题", "zh-hant": "發生問題", "it": "Qualcosa si è rotto", "en": "Something broke"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_here(language: str, browser: Browser, anna: User) -> None:
    response = browser(accept_language=language).get("/no/such/page/")
    assert response.status_code == 404
    assert NOTHING[language] in words(response)
    User.objects.update(language=language)
    anna.refresh_from_db()
    assert NOTHING[language] in words(browser(anna, accept_language="en").get("/no/such/page/"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_something_broke_and_tells_no_secret(language: str, browser: Browser) -> None:
    client = browser(accept_language=language)
    client.raise_request_exception = False
    with patch("lineaviva.keeper.web.views.home.render", side_effect=RuntimeError("a secret of the program")):
        response = client.get("/")
    assert response.status_code == 500
    assert BROKEN[language] in words(response)
    assert "secret" not in response.content.decode()
    assert "Traceback" not in response.content.decode()


def test_a_broken_database_still_gets_a_page(browser: Browser, anna: User) -> None:
    client = browser(anna)
    client.raise_request_exception = False
    with patch("django.contrib.sessions.backends.db.SessionStore.load", side_effect=DatabaseError("gone")):
        response = client.get("/")
    assert response.status_code == 500
    assert "gone" not in response.content.decode()


def test_a_refusal_in_a_view_becomes_its_page(browser: Browser) -> None:
    error = Conflict("An inner fact.", code="of nobody")
    with patch("lineaviva.keeper.web.views.home.render", side_effect=error):
        response = browser(accept_language="en").get("/")
    assert response.status_code == 409
    assert "This cannot be done any more: something changed in the meantime." in words(response)
    assert "inner fact" not in response.content.decode()
    assert 'href="/">Try again' in response.content.decode()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", ""])
def test_another_host_is_refused(host: str, browser: Browser, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    response = browser(accept_language="en").get("/", headers={"Host": host or "x y"})
    assert response.status_code == 400
    assert "That did not work" in words(response)


def test_a_form_of_megabytes_is_refused(page: Client, anna: User) -> None:
    response = page.post("/settings/", {"name": "x" * 4_000_000, "language": "it"})
    assert response.status_code == 413
    assert "This file is too large." in words(response)
    anna.refresh_from_db()
    assert anna.language == "en"


def test_a_form_of_a_thousand_fields_is_refused(page: Client) -> None:
    response = page.post("/settings/", {f"field{n}": "x" for n in range(1100)})
    assert response.status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_page_is_only_read(method: str, browser: Browser) -> None:
    assert getattr(browser(), method)("/").status_code == 405
