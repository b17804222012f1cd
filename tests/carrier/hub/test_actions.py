"""Events are written only for those who want them, and only as long as they do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.access.actions import client_disable
from lineaviva.carrier.hub import rules
from lineaviva.carrier.hub.actions import (
    deliveries_sweep,
    event_publish,
    listener_add,
    listener_failed,
    listener_remove,
)
from lineaviva.carrier.hub.models import EventDelivery, Listener
from lineaviva.kernel.errors import Conflict, LineavivaError, NotFound
from tests.carrier.hub.conftest import OFFERING
from tests.tmf_schemas import CATALOG, problems

Listen = Callable[..., Listener]
SECOND = timedelta(seconds=1)


def publish(now: datetime, **changes: Any) -> int:
    plain = {"operator": "tim", "api": "catalog", "event_type": "ProductOfferingCreateEvent", "resource": OFFERING}
    return event_publish(**{**plain, **changes, "now": now})


def test_where_nobody_listens_nothing_is_written_and_one_read_is_all(
    db: None, now: datetime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert publish(now) == 0
    assert EventDelivery.objects.count() == 0


def test_an_event_by_the_published_schema(listen: Listen, now: datetime) -> None:
    listener = listen()
    assert publish(now) == 1
    (row,) = EventDelivery.objects.all()
    assert (row.listener, row.state, row.look_at, row.tries) == (listener, "waiting", now, 0)
    assert problems(CATALOG, "ProductOfferingCreateEvent", row.body) == []
    assert {name: row.body[name] for name in ("eventTime", "eventType", "event")} == {
        "eventTime": "2026-11-22T11:00:00.000Z",
        "eventType": "ProductOfferingCreateEvent",
        "event": {"productOffering": OFFERING},
    }


def test_everybody_hears_of_the_same_event(listen: Listen, now: datetime) -> None:
    listen()
    listen(client_id="another-shop")
    listen(query="eventType=ProductOfferingDeleteEvent")
    assert publish(now) == 2
    assert len({row.body["eventId"] for row in EventDelivery.objects.all()}) == 1
    publish(now)
    assert len({row.body["eventId"] for row in EventDelivery.objects.all()}) == 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"operator": "vodafone"}, id="another operator's"),
        pytest.param({"api": "balance"}, id="another API's"),
        pytest.param({"query": "eventType=ProductOfferingDeleteEvent"}, id="another event's"),
        pytest.param({"query": "event.productOffering.id=winter"}, id="another resource's"),
    ],
)
def test_who_does_not_hear_of_it(listen: Listen, now: datetime, other: dict[str, str]) -> None:
    listen(**other)
    assert publish(now) == 0
    assert EventDelivery.objects.count() == 0


def test_whoever_was_shut_out_hears_nothing(listen: Listen, now: datetime) -> None:
    listen()
    client_disable(client_id="tim-shop", now=now)
    assert publish(now) == 0


def test_an_event_that_there_is_not(db: None, now: datetime) -> None:
    with pytest.raises(ValueError, match="is no event"):
        publish(now, event_type="TopupBalanceCreateEvent")


def test_the_same_listener_twice(listen: Listen, now: datetime) -> None:
    first = listen()
    with pytest.raises(Conflict) as refusal:
        listen()
    assert (refusal.value.code, str(first.pk) in refusal.value.message) == ("listener_exists", True)
    listen(query="eventType=CatalogBatchEvent")
    listen(api="order")
    listen(client_id="another-shop")
    assert Listener.objects.count() == 4
    assert len(set(Listener.objects.values_list("secret", flat=True))) == 4


def test_one_that_was_disabled_may_be_made_anew(listen: Listen, now: datetime) -> None:
    first = listen()
    Listener.objects.update(disabled_at=now)
    second = listen()
    assert (first.pk != second.pk, publish(now)) == (True, 1)


def test_there_are_so_many_and_no_more(listen: Listen, now: datetime) -> None:
    for number in range(rules.MOST_LISTENERS):
        listen(query=f"event.productOffering.id={number}")
    with pytest.raises(Conflict) as refusal:
        listen()
    assert refusal.value.code == "listeners_too_many"
    listen(api="order")
    assert Listener.objects.count() == rules.MOST_LISTENERS + 1


@pytest.mark.parametrize(
    "changes",
    [{"callback": "https://10.0.0.1/"}, {"callback": "http://shop.test/"}, {"query": "eventType=No"}, {"query": "x"}],
)
def test_what_is_refused_makes_no_listener(listen: Listen, changes: dict[str, str]) -> None:
    with pytest.raises(LineavivaError):
        listen(**changes)
    assert Listener.objects.count() == 0


def test_outside_the_sandbox_this_machine_is_not_called(listen: Listen, settings: Any) -> None:
    settings.SANDBOX = False
    with pytest.raises(LineavivaError):
        listen()
    assert Listener.objects.count() == 0


def test_a_listener_is_removed_with_all_that_waits_for_it(listen: Listen, now: datetime) -> None:
    listener, other = listen(), listen(client_id="another-shop")
    publish(now)
    listener_remove(client_id="tim-shop", api="catalog", listener_id=listener.pk)
    assert [row.listener for row in EventDelivery.objects.all()] == [other]
    for wrong in ({"listener_id": listener.pk}, {"listener_id": other.pk}, {"api": "order"}, {"client_id": "nobody"}):
        with pytest.raises(NotFound):
            listener_remove(**{"client_id": "tim-shop", "api": "catalog", "listener_id": 0, **wrong})
    assert Listener.objects.count() == 1


def fail(listener: Listener, now: datetime, **changes: Any) -> Listener:
    found = listener_failed(**{"listener_id": listener.pk, "why": "answered 500", "gone": False, "now": now, **changes})
    assert found is not None
    return found


def test_failures_that_come_together_are_one(listen: Listen, now: datetime) -> None:
    listener = listen()
    for _ in range(5):
        found = fail(listener, now)
    assert (found.failures_in_a_row, found.quiet_until) == (1, now + rules.WAITS[0])


def test_after_three_days_of_failures_it_is_over(listen: Listen, now: datetime) -> None:
    listener, at = listen(), now
    for wait in rules.WAITS:
        found = fail(listener, at)
        assert (found.quiet_until, found.disabled_at) == (at + wait, None)
        at += wait
    found = fail(listener, at)
    assert (found.disabled_at, found.disabled_reason) == (at, "failed 11 times in a row: answered 500")
    assert timedelta(days=2, hours=20) < at - now < timedelta(days=3)
    assert fail(listener, at + SECOND).failures_in_a_row == 11
    assert publish(at) == 0


def test_one_that_is_gone_is_not_called_again(listen: Listen, now: datetime) -> None:
    found = fail(listen(), now, gone=True, why="answered 410")
    assert (found.disabled_at, found.disabled_reason) == (now, "it is gone: answered 410")


def test_a_listener_that_was_removed_meanwhile(db: None, now: datetime) -> None:
    assert listener_failed(listener_id=1, why="x", gone=False, now=now) is None


def test_what_was_delivered_is_swept_after_a_week(listen: Listen, now: datetime) -> None:
    listener = listen()
    for age, state in ((8, "delivered"), (8, "given_up"), (8, "waiting"), (6, "delivered")):
        publish(now)
        newest = EventDelivery.objects.order_by("-pk")[:1]
        EventDelivery.objects.filter(pk__in=[row.pk for row in newest]).update(
            created_at=now - timedelta(days=age), state=state, look_at=now if state == "waiting" else None
        )
    assert deliveries_sweep(listener=listener, now=now) is False
    assert list(EventDelivery.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "delivered"]


def test_a_race_for_the_same_listener(listen: Listen, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests at once: the database lets one of them through."""
    listen()
    with pytest.raises(Conflict):
        listener_add(
            client_id="tim-shop",
            operator="tim",
            api="catalog",
            callback=Listener.objects.get().callback,
            query="",
            now=now,
        )
    assert Listener.objects.count() == 1
