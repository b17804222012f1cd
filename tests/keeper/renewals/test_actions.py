"""Who may switch automatic renewal on, change and stop it; and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.lines.actions import line_remove, line_share
from lineaviva.keeper.renewals.actions import auto_change, auto_stop
from lineaviva.keeper.renewals.links import LIFE, stop_link, stop_link_read
from lineaviva.keeper.renewals.models import AutoEvent, AutoMessage, AutoRenewal
from lineaviva.keeper.renewals.queries import auto_for, auto_of, autos_for, what_next
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotAllowed, NotFound
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.renewals.conftest import World


def refused(kind: type[LineavivaError], act: Any) -> str:
    """The code of the refusal; nothing was written by it."""
    before = (AutoRenewal.objects.count(), AutoEvent.objects.count())
    with pytest.raises(kind) as refusal:
        act()
    assert (AutoRenewal.objects.count(), AutoEvent.objects.count()) == before
    return refusal.value.code


def test_what_was_agreed_to_is_kept(world: World) -> None:
    auto = world.on(ceiling=1500, lead_days=10)
    assert (auto.state, auto.payer, auto.ceiling_minor, auto.lead_days) == ("on", world.anna, 1500, 10)
    event = AutoEvent.objects.get()
    assert (event.kind, event.by, event.at) == ("on", world.anna, world.clock.now())
    assert event.detail == {
        "words": "auto-1",
        "ceiling": "15.00 EUR",
        "lead_days": 10,
        "choice": "keepalive",
        "method": world.card.pk,
    }
    assert auto_of(world.line) == auto


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"ceiling": 0}, "ceiling"),
        ({"lead_days": 2}, "lead_days"),
        ({"lead_days": 31}, "lead_days"),
        ({"choice": "plan"}, "auto_no_plan"),
    ],
)
def test_terms_that_make_no_sense(world: World, facts: dict[str, Any], code: str) -> None:
    assert refused(InvalidInput, lambda: world.on(**facts)) == code


def test_only_by_a_card_of_ones_own_that_works(world: World) -> None:
    eve = factories.holder("eve@example.org")
    assert refused(NotFound, lambda: world.on(method=world.saved("9999", eve))) == "method_unknown"
    type(world.card).objects.filter(pk=world.card.pk).update(state="broken")
    assert refused(Conflict, world.on) == "method_unusable"


def test_only_for_a_line_that_one_may_pay_for(world: World) -> None:
    bo = factories.holder("bo@example.org")
    card = world.saved("1111", bo)
    assert refused(NotFound, lambda: world.on(by=bo, method=card)) == "line_unknown"
    line_share(line=world.line, with_email=bo.email, right="pay", by=world.anna, now=world.clock.now())
    assert world.on(by=bo, method=card).payer == bo


def test_once_on_it_is_changed_and_not_switched_on_again(world: World) -> None:
    auto = world.on()
    assert world.on() == auto
    assert refused(Conflict, lambda: world.on(ceiling=2000)) == "auto_on"


def test_it_is_changed_by_who_pays(world: World) -> None:
    auto = world.on()
    now = world.clock.now()
    for _ in range(2):
        auto_change(auto=auto, by=world.anna, ceiling=Money(2000), lead_days=5, now=now)
    auto.refresh_from_db()
    assert (auto.ceiling_minor, auto.lead_days) == (2000, 5)
    assert [event.kind for event in AutoEvent.objects.order_by("pk")] == ["on", "changed"]
    chen = factories.clerk()
    assert refused(NotAllowed, lambda: auto_change(auto=auto, by=chen, lead_days=9, now=now)) == "auto_not_yours"
    assert refused(InvalidInput, lambda: auto_change(auto=auto, by=world.anna, lead_days=99, now=now)) == "lead_days"


def test_it_is_stopped_once(world: World) -> None:
    auto = world.on()
    for _ in range(2):
        auto_stop(auto=auto, by=world.anna, reason="page", now=world.clock.now())
    auto.refresh_from_db()
    assert (auto.state, auto.off_at, auto.off_reason, auto.look_at) == ("off", world.clock.now(), "page", None)
    assert [(event.kind, event.by) for event in AutoEvent.objects.order_by("pk")] == [
        ("on", world.anna),
        ("off", world.anna),
    ]
    now = world.clock.now()
    assert refused(Conflict, lambda: auto_change(auto=auto, by=world.anna, lead_days=9, now=now)) == "auto_off"
    assert what_next(auto, now).steps == []
    assert world.on() != auto, "on again it is another one"


def test_who_may_stop_it(world: World) -> None:
    auto, now = world.on(), world.clock.now()
    eve = factories.holder("eve@example.org")
    assert refused(NotAllowed, lambda: auto_stop(auto=auto, by=eve, now=now)) == "auto_not_yours"
    auto.refresh_from_db()
    assert auto.state == "on"
    auto_stop(auto=auto, by=factories.clerk(), reason="phone", now=now)
    entry = AuditEntry.objects.get(act="auto_stop")
    assert (entry.subject, entry.detail) == (f"auto:{auto.pk}", {"reason": "phone"})


def test_a_line_that_is_removed_is_not_renewed(world: World) -> None:
    auto = world.on()
    world.work()
    line_remove(line=world.line, by=world.anna, now=world.clock.now())
    world.at(3, 1)
    auto.refresh_from_db()
    assert (auto.state, auto.off_reason) == ("off", "line_removed")
    assert AutoEvent.objects.filter(kind="off").count() == 1
    world.work()
    assert list(AutoMessage.objects.values_list("kind", "state")) == [("off", "sent")]


def test_it_is_seen_by_who_pays_and_by_the_lines_holder(world: World) -> None:
    auto = world.on()
    assert list(autos_for(world.anna)) == [auto]
    eve = factories.holder("eve@example.org")
    assert list(autos_for(eve)) == []
    assert auto_for(user=world.anna, auto_id=auto.pk) == auto
    assert refused(NotFound, lambda: auto_for(user=eve, auto_id=auto.pk)) == "auto_unknown"


def test_the_link_that_stops_it(world: World) -> None:
    auto, now = world.on(), world.clock.now()
    token = stop_link(auto=auto, now=now).removeprefix("/auto/stop/").removesuffix("/")
    assert stop_link_read(token, now) == auto.pk
    assert refused(InvalidInput, lambda: stop_link_read(token, now + LIFE)) == "link_expired"
    assert refused(InvalidInput, lambda: stop_link_read(token[:-1], now)) == "link_invalid"
