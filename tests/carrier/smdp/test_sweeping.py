"""What is too old goes as new downloads come, a little at a time; nothing that somebody still needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.smdp import fast, sweeping
from lineaviva.carrier.smdp.models import Notice, OrderCall, Progress, Session
from tests.carrier.smdp.euicc import Lpa
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, everything, profile, released
from tests.keeper.together import together

Phones = Callable[..., Lpa]
KEPT = timedelta(days=400)


def swept(now: datetime) -> int:
    """As it runs: in the transaction of a download that begins."""
    with fast.whole():
        return sweeping.sweep(now)


def notice(at: datetime, number: int) -> Notice:
    return Notice.objects.create(
        digest=f"{number:064}", kind="enable", eid="1" * 32, iccid=ICCIDS[0], sequence=number, raw=b"x", received_at=at
    )


def progress(at: datetime, state: str, **changes: Any) -> Progress:
    row = {"profile": profile(), "operator": "tim", "state": state, "point": 4, "at": at, **changes}
    return Progress.objects.create(**row)


def call(at: datetime, number: int) -> OrderCall:
    return OrderCall.objects.create(digest=f"{number:064}", profile=profile(), order_number=1, at=at)


def test_what_is_older_than_it_is_kept_goes(smdp: None, now: datetime) -> None:
    old, young = now - KEPT - timedelta(seconds=1), now - KEPT + timedelta(seconds=1)
    notice(old, 1), progress(old, "told"), call(old, 1)
    kept = [notice(young, 2).pk, progress(young, "told").pk, call(young, 2).pk]
    assert swept(now) == 3
    assert [Notice.objects.get().pk, Progress.objects.get().pk, OrderCall.objects.get().pk] == kept
    assert swept(now) == 0
    assert swept(now + timedelta(days=1)) == 3


def test_what_nobody_was_told_yet_stays(smdp: None, now: datetime) -> None:
    old = now - timedelta(days=800)
    progress(old, "waiting", look_at=now)
    progress(old, "waiting", stuck_reason="nobody answers")
    before = everything()
    assert swept(now) == 0
    assert everything() == before


def test_only_so_many_at_once_the_oldest_first(smdp: None, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    old = now - timedelta(days=800)
    for number in range(5):
        notice(old + timedelta(hours=number), number)
        call(old + timedelta(hours=number), number)
        progress(old + timedelta(hours=4 - number), "told")
    young = notice(now, 9)
    assert swept(now) == 6
    assert list(Notice.objects.order_by("pk").values_list("sequence", flat=True)) == [2, 3, 4, 9]
    assert sorted(row.at - old for row in Progress.objects.all()) == [timedelta(hours=one) for one in (2, 3, 4)]
    assert [swept(now), swept(now), swept(now)] == [6, 3, 0]
    assert Notice.objects.get() == young


def test_a_gap_in_the_numbers_stops_nothing(smdp: None, now: datetime) -> None:
    first = notice(now - timedelta(days=800), 1)
    second = notice(now - timedelta(days=700), 2)
    Notice.objects.filter(pk=second.pk).update(id=first.pk + 1_000_000)
    assert [swept(now), swept(now)] == [1, 1]
    assert Notice.objects.count() == 0


def test_it_goes_as_new_downloads_come(lpa: Phones, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineaviva.carrier.smdp.offers._SWEEP_ONE_IN", 1)
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCIDS[0]))
    progress(now, "told"), call(now, 1)
    assert (Session.objects.count(), Notice.objects.count()) == (1, 1)
    later = now + KEPT + timedelta(days=1)
    released(later, ICCIDS[1], matching_id="NEW")
    phone.now = later
    phone.begin("NEW")
    assert [row.profile.iccid for row in Session.objects.all()] == [ICCIDS[1]]
    assert (Notice.objects.count(), Progress.objects.count(), OrderCall.objects.count()) == (0, 0, 0)
    assert profile().state == "installed"


def test_a_notification_that_comes_again_after_it_was_swept_changes_nothing(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    early, late = phone.euicc.said("enable", ICCIDS[0]), phone.euicc.said("disable", ICCIDS[0])
    for raw in (early, late):
        phone.notify(raw)
    phone.now = now + KEPT + timedelta(days=1)
    assert swept(phone.now) == 3
    phone.notify(early)
    assert (profile().phone, profile().phone_sequence) == ("disabled", 2)


@pytest.mark.django_db(transaction=True)
def test_several_that_sweep_at_once_take_each_row_once(smdp: None, now: datetime) -> None:
    old = now - timedelta(days=800)
    for number in range(30):
        notice(old, number), progress(old, "told"), call(old, number)
    assert sum(together(4, lambda: swept(now))) == 90
    assert (Notice.objects.count(), Progress.objects.count(), OrderCall.objects.count()) == (0, 0, 0)
