"""The list and the pages of a line: what stands there, what can be done, and what bad input leads to."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import pytest
from django.test import Client

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line, LineEvent, LineShare
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.reminders.actions import reminders_plan
from tests import factories
from tests.web.conftest import Browser, words


def rows(response: Any) -> list[str]:
    """Each line of the list as text, in its order."""
    found = re.findall(r'<li class="row.*?</li>', response.content.decode(), flags=re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_a_new_person_is_helped_to_begin(page: Client) -> None:
    text = words(page.get("/"))
    assert "Add your first line" in text
    assert rows(page.get("/")) == []


def test_a_row_says_all_that_matters(mum: Line, page: Client) -> None:
    (row,) = rows(page.get("/"))
    assert row == (
        "4567 Mum TIM · SIM card · number ending in 4567 12 days Active "
        "Until Fri 4 Dec 2026 , then it only receives Renew Mum 4567"
    )


def test_the_next_date_comes_first(mum: Line, anna: User, page: Client) -> None:
    factories.line(holder=anna, label="Unknown", last_topup=None)
    factories.line(holder=anna, label="Fresh", last_topup=date(2026, 11, 1))
    factories.line(holder=anna, label="Receives", last_topup=date(2025, 11, 1))
    order = [
        next(name for name in ("Mum", "Unknown", "Fresh", "Receives") if name in row) for row in rows(page.get("/"))
    ]
    assert order == ["Receives", "Mum", "Fresh", "Unknown"]


@pytest.mark.parametrize(
    ("last_topup", "state", "button"),
    [
        pytest.param(date(2026, 11, 1), "Active", "Renew", id="active"),
        pytest.param(date(2025, 11, 10), "Receive only", "Renew", id="receive only"),
        pytest.param(date(2025, 9, 1), "Off, recoverable", "Ask for help", id="off"),
        pytest.param(date(2023, 9, 1), "Number lost", "Ask for help", id="lost"),
        pytest.param(None, "Not known", "Add last top-up", id="unknown"),
    ],
)
def test_each_state_has_its_word_and_its_button(
    last_topup: date | None, state: str, button: str, anna: User, page: Client
) -> None:
    factories.line(holder=anna, label="Line", last_topup=last_topup)
    (row,) = rows(page.get("/"))
    assert f" {state} " in row
    assert f" {button} Line" in row


def test_the_button_follows_the_order(order: ProductOrder, page: Client, now: datetime) -> None:
    assert "Pay now Mum" in rows(page.get("/"))[0]
    payment_begin(order=order, provider="cash", now=now)
    assert "Pay in a shop Mum" in rows(page.get("/"))[0]
    ProductOrder.objects.update(state="paid")
    assert "See order Mum" in rows(page.get("/"))[0]
    ProductOrder.objects.update(state="active")
    assert "Renew Mum" in rows(page.get("/"))[0]


def test_open_reminders_stand_on_the_list(mum: Line, page: Client, now: datetime) -> None:
    assert "Mum …4567 :" not in words(page.get("/"))
    reminders_plan(line=mum, now=now)
    assert "Mum …4567 : Until Fri 4 Dec 2026 , then it only receives" in words(page.get("/"))


def test_the_list_asks_the_database_no_more_for_more_lines(
    mum: Line, anna: User, page: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        factories.line(holder=anna)
    with django_assert_max_num_queries(9):
        page.get("/")


def test_a_shared_line_names_its_holder(mum: Line, anna: User, bo: User, browser: Browser) -> None:
    LineShare.objects.create(line=mum, user=bo, right="read")
    (row,) = rows(browser(bo).get("/"))
    assert "of anna@example.org" in row
    assert "Look Mum" in row


# --- one line -----------------------------------------------------------------------------------------------------


def test_a_line_shows_its_three_dates_with_reasons(mum: Line, page: Client) -> None:
    text = words(page.get(f"/lines/{mum.pk}/"))
    assert "347 123 4567" in text
    assert "Extended last on Thu 4 Dec 2025 353 days ago" in text
    assert "Full service until Fri 4 Dec 2026 (in 12 days) then it only receives" in text
    assert "Receives only until Mon 4 Jan 2027 (in 43 days) then it is switched off" in text
    assert "Off; the number can be had back until Sat 4 Dec 2027" in text
    assert "Counted in calendar months from Thu 4 Dec 2025" in text
    assert "Sources:" in text
    assert re.search(r"\w+\.it \((official|press|blog|forum), ", text)


def test_an_unknown_line_says_so(anna: User, page: Client) -> None:
    line = factories.line(holder=anna, last_topup=None)
    assert "there is nothing to count from" in words(page.get(f"/lines/{line.pk}/"))


def test_a_line_that_is_off_tells_whom_to_ask(anna: User, page: Client) -> None:
    line = factories.line(holder=anna, last_topup=date(2025, 9, 1))
    text = words(page.get(f"/lines/{line.pk}/"))
    assert "A top-up does not bring it back; only TIM can." in text
    assert "TIM, in Italy 119" in text


def test_a_lost_line_is_not_to_be_topped_up(anna: User, page: Client) -> None:
    line = factories.line(holder=anna, last_topup=date(2023, 9, 1))
    assert "Do not top it up" in words(page.get(f"/lines/{line.pk}/"))


def test_disputed_dates_name_their_sources(anna: User, page: Client) -> None:
    """Vodafone's dates differ from source to source; the page shows the others, too."""
    line = factories.line(holder=anna, operator="vodafone", last_topup=date(2026, 3, 31))
    assert "Other sources say otherwise" in words(page.get(f"/lines/{line.pk}/"))


def test_history_tells_what_happened(mum: Line, page: Client) -> None:
    page.post(f"/lines/{mum.pk}/topped-up/", {"on": "2026-11-20"})
    text = words(page.get(f"/lines/{mum.pk}/"))
    history = text[text.index("History") : text.index("Details")]
    assert history.startswith("History Added here Sun 22 Nov 2026")
    assert "Top-up Fri 20 Nov 2026 · as you told us" in history


# --- adding and changing ------------------------------------------------------------------------------------------

GOOD = {"msisdn": "347 765 4321", "operator": "vodafone", "sim_type": "physical", "last_topup": "2026-03-31"}


def test_a_line_is_added(page: Client, anna: User) -> None:
    response = page.post("/lines/add/", {**GOOD, "label": "Work"}, follow=True)
    line = Line.objects.get()
    assert response.redirect_chain == [(f"/lines/{line.pk}/", 302)]
    assert "The line is on your list." in words(response)
    assert (line.msisdn, line.operator, line.label, line.holder, line.extended_on) == (
        "+393477654321",
        "vodafone",
        "Work",
        anna,
        date(2026, 3, 31),
    )


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("msisdn", "", "Write the number."),
        ("msisdn", "123", "This is not an Italian mobile number."),
        ("msisdn", "+44 7911 123456", "This is not an Italian number."),
        ("msisdn", "06 12345678", "This is a fixed line"),
        ("msisdn", "<script>", "This is not an Italian mobile number."),
        ("msisdn", "3" * 31, "at most 30 characters"),
        ("operator", "", "Choose the operator."),
        ("operator", "orange", "not one of the available choices"),
        ("last_topup", "yesterday", "This is not a day."),
        ("last_topup", "2026-02-30", "This is not a day."),
        ("last_topup", "2027-01-01", "This day lies too far ahead."),
        ("last_topup", "1980-01-01", "This day lies too far back."),
        ("label", "x" * 61, "at most 60 characters"),
        ("label", "a\u202eb", "characters that cannot be shown"),
        ("iccid", "12345", "This is not an ICCID"),
        ("eid", "12345", "This is not an EID"),
        ("sim_type", "wood", "not one of the available choices"),
        ("plan_expires_on", "2200-01-01", "This day lies too far ahead."),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_saved(field: str, value: str, sentence: str, page: Client) -> None:
    sent = {**GOOD, "sim_type": "esim", field: value}
    response = page.post("/lines/add/", sent)
    assert response.status_code == 400
    assert sentence in words(response)
    assert "Nothing was saved." in words(response)
    html = response.content.decode()
    assert f'id="id_{field}_error"' in html
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', html)
    assert Line.objects.count() == 0


def test_what_was_typed_stays_in_the_form(page: Client) -> None:
    html = page.post("/lines/add/", {**GOOD, "msisdn": "12", "label": "<b>Mum</b>"}).content.decode()
    assert 'value="12"' in html
    assert 'value="&lt;b&gt;Mum&lt;/b&gt;"' in html


def test_the_same_number_twice_is_refused(mum: Line, page: Client) -> None:
    response = page.post("/lines/add/", {**GOOD, "msisdn": "0039 347 1234567"})
    assert response.status_code == 400
    assert "This number is on the list already." in words(response)
    assert Line.objects.count() == 1


def test_a_line_is_changed_but_not_its_number(mum: Line, page: Client) -> None:
    sent = {"operator": "vodafone", "sim_type": "esim", "label": "Mamma", "msisdn": "347 000 0000", "last_topup": ""}
    assert page.post(f"/lines/{mum.pk}/edit/", sent).headers["Location"] == f"/lines/{mum.pk}/"
    mum.refresh_from_db()
    assert (mum.msisdn, mum.operator, mum.sim_type, mum.label) == ("+393471234567", "vodafone", "esim", "Mamma")
    assert mum.extended_on == date(2025, 12, 4)


def test_a_wrong_change_changes_nothing(mum: Line, page: Client) -> None:
    before = Line.objects.values().get()
    sent = {"operator": "tim", "sim_type": "physical", "eid": "89049032123451234512345678901224"}
    response = page.post(f"/lines/{mum.pk}/edit/", sent)
    assert response.status_code == 400
    assert Line.objects.values().get() == before


def test_a_top_up_elsewhere_moves_the_dates(mum: Line, page: Client) -> None:
    response = page.post(f"/lines/{mum.pk}/topped-up/", {"on": "2026-11-20"}, follow=True)
    assert "Noted." in words(response)
    assert "Full service until Sat 20 Nov 2027" in words(response)


@pytest.mark.parametrize(
    ("on", "sentence"),
    [
        ("", "Say which day."),
        ("2026-11-23", "too far ahead"),
        ("soon", "This is not a day."),
        ("1990-01-01", "too far back"),
    ],
)
def test_a_wrong_day_is_refused(on: str, sentence: str, mum: Line, page: Client) -> None:
    before = LineEvent.objects.count()
    response = page.post(f"/lines/{mum.pk}/topped-up/", {"on": on})
    assert response.status_code == 400
    assert sentence in words(response)
    assert LineEvent.objects.count() == before


# --- sharing and removing -----------------------------------------------------------------------------------------


def test_a_line_is_shared_and_taken_back(mum: Line, bo: User, page: Client) -> None:
    sent = {"with_email": "BO@example.org", "right": "pay"}
    response = page.post(f"/lines/{mum.pk}/share/", sent, follow=True)
    assert "Shared with bo@example.org." in words(response)
    assert list(LineShare.objects.values_list("user", "right")) == [(bo.pk, "pay")]
    page.post(f"/lines/{mum.pk}/unshare/", {"with_email": "bo@example.org"})
    assert LineShare.objects.count() == 0


@pytest.mark.parametrize(
    ("email", "right", "sentence"),
    [
        ("", "read", "Write the address."),
        ("not an address", "read", "This is not an e-mail address."),
        ("anna@example.org", "read", "The holder has every right already."),
        ("bo@example.org", "own", "not one of the available choices"),
    ],
)
def test_a_wrong_share_is_refused(email: str, right: str, sentence: str, mum: Line, page: Client) -> None:
    response = page.post(f"/lines/{mum.pk}/share/", {"with_email": email, "right": right})
    assert response.status_code == 400
    assert sentence in words(response)
    assert LineShare.objects.count() == 0


def test_nobody_to_take_a_right_from(mum: Line, page: Client) -> None:
    response = page.post(f"/lines/{mum.pk}/unshare/", {"with_email": "bo@example.org"})
    assert response.status_code == 404
    assert "The line is not shared with this address." in words(response)


def test_a_removal_can_be_undone_once(mum: Line, page: Client) -> None:
    response = page.post(f"/lines/{mum.pk}/remove/", follow=True)
    assert "Mum is no longer on your list." in words(response)
    assert f'action="/lines/{mum.pk}/restore/"' in response.content.decode()
    assert "no longer on your list" not in words(page.get("/"))
    response = page.post(f"/lines/{mum.pk}/restore/", follow=True)
    assert "The line is back on your list." in words(response)
    assert len(rows(response)) == 1


def test_a_removal_is_not_undone_over_a_line_that_was_added_again(mum: Line, page: Client) -> None:
    page.post(f"/lines/{mum.pk}/remove/")
    page.post("/lines/add/", {**GOOD, "msisdn": "347 123 4567"})
    response = page.post(f"/lines/{mum.pk}/restore/")
    assert response.status_code == 409
    assert "This number is on the list already." in words(response)


@pytest.mark.parametrize("path", ["/lines/999999/", "/lines/0/", "/lines/99999999999999999999999/", "/lines/x/"])
def test_a_line_of_nobody(path: str, page: Client) -> None:
    assert page.get(path).status_code == 404


@pytest.mark.parametrize("path", ["topped-up", "share", "unshare", "remove", "restore"])
def test_changes_are_posted(path: str, mum: Line, page: Client) -> None:
    assert page.get(f"/lines/{mum.pk}/{path}/").status_code == 405
