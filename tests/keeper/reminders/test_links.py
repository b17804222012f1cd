from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.signing import Signer
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.links import renewal_link, renewal_link_read
from lineaviva.kernel.errors import InvalidInput
from tests.conftest import NOON


def token(now: datetime = NOON) -> str:
    path = renewal_link(line=Line(pk=7), user=User(pk=3), now=now)
    assert path.startswith("/r/")
    assert path.endswith("/")
    return path[3:-1]


def test_names_the_line_and_the_person() -> None:
    assert renewal_link_read(token(), NOON) == (7, 3)


def test_is_good_for_48_hours() -> None:
    made = token()
    assert renewal_link_read(made, NOON + timedelta(hours=48) - timedelta(seconds=1)) == (7, 3)
    with pytest.raises(InvalidInput) as refusal:
        renewal_link_read(made, NOON + timedelta(hours=48))
    assert refusal.value.code == "link_expired"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: text[:-1], id="cut short"),
        pytest.param(lambda text: text + "A", id="longer"),
        pytest.param(lambda text: text.replace(text[0], "X", 1), id="another letter"),
        pytest.param(lambda text: Signer().sign_object([7, 3, 9999999999]), id="signed for something else"),
        pytest.param(lambda text: Signer(salt="lineaviva.reminders.renewal").sign_object([7]), id="too few"),
        pytest.param(lambda text: Signer(salt="lineaviva.reminders.renewal").sign_object({"a": 1}), id="no list"),
        pytest.param(lambda text: Signer(salt="lineaviva.reminders.renewal").sign("x"), id="no object"),
    ],
)
def test_whatever_is_not_ours_is_refused(change: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        renewal_link_read(change(token()), NOON)
    assert refusal.value.code == "link_invalid"


def test_another_key_signs_other_links(settings: Any) -> None:
    made = token()
    settings.SECRET_KEY = "another key altogether, long enough as well"
    with pytest.raises(InvalidInput):
        renewal_link_read(made, NOON)


@given(st.text(max_size=100))
def test_no_text_opens_anything(text: str) -> None:
    with pytest.raises(InvalidInput):
        renewal_link_read(text, NOON)
