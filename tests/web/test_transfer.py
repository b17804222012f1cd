"""Lines in and out as CSV through the pages."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line, LineEvent
from lineaviva.keeper.web.forms import CSV_MOST_BYTES
from tests.web.conftest import Browser, hidden, words

HEAD = "msisdn,operator,label,last_topup\n"
TWO = HEAD + "347 765 4321,vodafone,Work,31/03/2026\n+39 329 123 4567,windtre,=1+1,2026-01-15\n"


def upload(client: Client, text: str | bytes, **more: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return client.post("/lines/import/", {"file": SimpleUploadedFile("lines.csv", data), **more})


def test_a_file_is_shown_before_it_is_saved(page: Client) -> None:
    response = upload(page, TWO)
    text = words(response)
    assert response.status_code == 200
    assert "2 new, 0 changed, 0 as they are. Nothing is saved yet." in text
    assert "2 347 765 4321 new 3 329 123 4567 new" in text
    assert Line.objects.count() == 0


def test_and_then_saved_all_at_once(page: Client, anna: User) -> None:
    token = hidden(upload(page, TWO), "confirm")
    response = page.post("/lines/import/", {"confirm": token}, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "2 lines saved." in words(response)
    assert set(Line.objects.values_list("msisdn", "operator", "extended_on", "holder")) == {
        ("+393477654321", "vodafone", date(2026, 3, 31), anna.pk),
        ("+393291234567", "windtre", date(2026, 1, 15), anna.pk),
    }


def test_the_same_file_again_changes_nothing(page: Client) -> None:
    page.post("/lines/import/", {"confirm": hidden(upload(page, TWO), "confirm")})
    events = LineEvent.objects.count()
    response = upload(page, TWO)
    assert "0 new, 0 changed, 2 as they are." in words(response)
    assert LineEvent.objects.count() == events


def test_changes_are_named(mum: Line, page: Client) -> None:
    response = upload(page, HEAD + "3471234567,vodafone,Mum,2026-11-01\n")
    text = words(response)
    assert "0 new, 1 changed, 0 as they are." in text
    assert "operator: tim → vodafone; last_topup: 2025-12-04 → 2026-11-01" in text


def test_wrong_rows_are_named_and_nothing_can_be_saved(page: Client) -> None:
    response = upload(page, HEAD + "12,vodafone,,\n347 765 4321,orange,,\n347 765 4322,tim,,tomorrow\n1,none,,\n")
    text = words(response)
    assert response.status_code == 400
    assert "4 rows are not right. Nothing is saved until all are." in text
    assert "2 msisdn This is not an Italian mobile number." in text
    assert "3 operator We do not know this operator." in text
    assert "4 last_topup This is not a day." in text
    assert 'name="confirm"' not in response.content.decode()
    assert Line.objects.count() == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "The file is empty.", id="empty"),
        pytest.param(b"\n\n", "The file is empty.", id="blank"),
        pytest.param(b"\xff\xfe\x00m", "Save it as CSV UTF-8.", id="not UTF-8"),
        pytest.param(b"msisdn,operator\n\xe9,tim\n", "Save it as CSV UTF-8.", id="Latin 1"),
        pytest.param(b'msisdn,operator\n"347,tim\n', "The quotation marks in the file do not match.", id="open quote"),
        pytest.param(b"phone,operator\n1,tim\n", "columns that we do not know", id="unknown column"),
        pytest.param(b"msisdn\n347\n", "lacks the column msisdn or operator", id="missing column"),
        pytest.param(b"msisdn,operator,operator\n1,2,3\n", "has a column twice", id="column twice"),
        pytest.param(b"x" * (CSV_MOST_BYTES + 1), "This file is too large.", id="too large"),
        pytest.param(b"\x00\x01\x02", "", id="not a text at all"),
    ],
)
def test_a_file_that_is_none(data: bytes, sentence: str, page: Client) -> None:
    response = upload(page, data)
    assert response.status_code == 400
    assert sentence in words(response)
    assert Line.objects.count() == 0


def test_no_file_at_all(page: Client) -> None:
    response = page.post("/lines/import/", {})
    assert response.status_code == 400
    assert "Choose a file." in words(response)


def test_only_lines_of_ones_own_are_brought(page: Client, bo: User) -> None:
    response = upload(page, "msisdn,operator,holder_email\n347 765 4321,tim,bo@example.org\n")
    assert response.status_code == 400
    assert "You can only bring lines of your own." in words(response)
    assert Line.objects.count() == 0


@pytest.mark.parametrize("confirm", ["", "x", "eyJhIjoxfQ:abc:def", "a" * 2000])
def test_a_forged_confirmation_saves_nothing(confirm: str, page: Client) -> None:
    response = page.post("/lines/import/", {"confirm": confirm}, follow=True)
    assert "Choose the file again; nothing was saved." in words(response)
    assert Line.objects.count() == 0


def test_a_confirmation_of_another_person_saves_nothing(page: Client, eve: User, browser: Browser) -> None:
    token = hidden(upload(page, TWO), "confirm")
    response = browser(eve).post("/lines/import/", {"confirm": token}, follow=True)
    assert "Choose the file again; nothing was saved." in words(response)
    assert Line.objects.count() == 0


def test_what_changed_meanwhile_is_seen(page: Client, anna: User) -> None:
    token = hidden(upload(page, HEAD + "347 765 4321,tim,,2026-11-22\n"), "confirm")
    page.post("/lines/add/", {"msisdn": "347 765 4321", "operator": "tim", "sim_type": "physical"})
    page.post("/lines/import/", {"confirm": token})
    assert Line.objects.get().extended_on == date(2026, 11, 22)


def test_lines_go_out_as_they_would_come_in(mum: Line, page: Client) -> None:
    response = page.get("/lines/export/")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="lineaviva.csv"'
    data = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert b"+393471234567,tim,physical" in data
    assert "0 new, 0 changed, 1 as they are." in words(upload(page, data))


def test_and_as_an_italian_excel_opens_them(mum: Line, page: Client) -> None:
    data = b"".join(page.get("/lines/export/?excel").streaming_content)  # type: ignore[attr-defined]
    assert data.startswith(b"\xef\xbb\xbf")
    assert b";tim;" in data
    assert "1 as they are." in words(upload(page, data))


def test_nobody_elses_lines_go_out(mum: Line, eve: User, browser: Browser) -> None:
    data = b"".join(browser(eve).get("/lines/export/").streaming_content)  # type: ignore[attr-defined]
    assert b"+39" not in data
