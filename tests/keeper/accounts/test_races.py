"""Two at once: the database decides, and each of the two gets a sound answer."""

from __future__ import annotations

from datetime import datetime

import pytest

from lineaviva.keeper.accounts.actions import one_time_link_create, one_time_link_use, user_get_or_create
from lineaviva.keeper.accounts.models import User
from tests import factories
from tests.keeper.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_link_used_by_eight_signs_in_one(now: datetime) -> None:
    token = one_time_link_create(user=factories.holder(), now=now).split("/")[2]
    answers = together(8, lambda: one_time_link_use(token=token, now=now))
    assert [type(answer) for answer in answers].count(User) == 1
    assert [getattr(answer, "code", "") for answer in answers].count("link_used") == 7


def test_one_address_registered_by_eight_is_one_account(now: datetime) -> None:
    answers = together(8, lambda: user_get_or_create(email="anna@example.org", now=now))
    assert {answer.pk for answer in answers} == {User.objects.get().pk}
