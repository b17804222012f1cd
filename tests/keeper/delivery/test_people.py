"""What people do with a profile: have another one, have the message again, open its page by the link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.delivery.actions import delivery_replace, delivery_resend
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent, DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code, delivery_of, newest_of
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.actions import line_change, line_share
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed
from tests import factories
from tests.keeper.delivery.conftest import EID, OTHER_EID, Way, again, kinds, mails, states
from tests.keeper.delivery.test_progress import facts


def replace(way: Way, delivery: Delivery, reason: str = "replacement", by: User | None = None) -> Delivery:
    return delivery_replace(delivery=delivery, reason=reason, by=by or delivery.line.holder, now=way.now)


def refused(way: Way, delivery: Delivery, reason: str = "replacement") -> tuple[str, int]:
    """Code and status of the refusal, which changes nothing."""
    before = (facts(delivery), Delivery.objects.count(), AuditEntry.objects.count(), DeliveryEvent.objects.count())
    with pytest.raises(Conflict) as refusal:
        replace(way, delivery, reason)
    after = (facts(delivery), Delivery.objects.count(), AuditEntry.objects.count(), DeliveryEvent.objects.count())
    assert after == before
    return refusal.value.code, refusal.value.status


# --- a lost profile -----------------------------------------------------------------------------------------------


def test_a_lost_profile_is_withdrawn_at_once_and_a_new_one_comes(way: Way) -> None:
    old = way.installed()
    made = replace(way, old)
    assert (made.state, made.reason, made.replaces_id, made.order_id) == ("waiting", "replacement", old.pk, None)
    assert again(old).state == "withdrawing"
    way.look()
    assert (again(old).state, again(made).state, mails(made)) == ("withdrawn", "released", [("ready", "sent")])
    assert DeliveryEvent.objects.get(delivery=old, kind="withdrawn").detail == {"answer": "too_late"}
    assert (newest_of(old), old.order and delivery_of(old.order)) == (made, made)
    way.tell(again(made), Point.INSTALLATION, eid=OTHER_EID)
    found = again(made)
    assert (found.line.iccid, found.line.eid, found.iccid != old.iccid) == (found.iccid, OTHER_EID, True)


def test_what_was_never_installed_goes_back_into_stock(way: Way) -> None:
    way.server.expires_at = way.now + timedelta(days=90)
    old = way.released(kind="topup")
    way.after(days=90)
    replace(way, old)
    way.look()
    assert (again(old).state, way.server.states()) == ("withdrawn", ["cancelled", "released"])


@pytest.mark.parametrize("failure", ["8.2.10/4.2", "8.8.5/6.4"])
def test_the_plan_that_waits_goes_on_with_the_profile_that_took_its_place(way: Way, failure: str) -> None:
    order = way.paid()
    way.look()
    old = Delivery.objects.get()
    way.tell(old, Point.INSTALLATION, ok=False, failure=failure)
    made = replace(way, old)
    way.look()
    assert states(order) == ("paid", "held", "withdrawn")
    made.refresh_from_db()
    way.tell(made, Point.INSTALLATION)
    way.look()
    assert states(order) == ("active", "succeeded", "withdrawn")
    assert again(made).state == "installed"


def test_an_order_that_fails_gives_back_the_profile_that_took_the_place_of_its_first(way: Way) -> None:
    from lineaviva.keeper.activation.ports import Result

    order = way.paid()
    way.look()
    old = Delivery.objects.get()
    way.tell(old, Point.INSTALLATION, ok=False)
    made = replace(way, old)
    way.server.plan = Result("failed", reason="no")
    way.look()
    way.after(hours=24)
    assert states(order) == ("failed", "failed", "withdrawn")
    assert (again(made).state, way.server.states()) == ("withdrawn", ["cancelled", "cancelled"])


def test_a_refused_profile_can_be_asked_for_once_more(way: Way) -> None:
    from lineaviva.kernel.errors import Permanent

    way.server.fails["order"] = [Permanent("no", code="8.2.5/4.3")]
    old = way.released()
    assert old.state == "refused"
    made = replace(way, old)
    way.look()
    assert (again(old).state, again(made).state, way.server.calls["cancel"]) == ("refused", "released", 0)


# --- another phone ------------------------------------------------------------------------------------------------


def test_the_old_phone_works_until_the_new_one_has_its_profile(way: Way) -> None:
    old = way.installed()
    made = replace(way, old, "transfer")
    way.look()
    assert (again(old).state, again(made).state, again(old).line.iccid) == ("installed", "released", old.iccid)
    made.refresh_from_db()
    way.tell(made, Point.INSTALLATION)
    way.look()
    found = again(made)
    assert (again(old).state, found.state) == ("withdrawn", "installed")
    # Nobody told the new phone's EID: the old one's is not this line's any more.
    assert (found.line.iccid, found.line.eid) == (made.iccid, "")


def test_a_transfer_that_failed_is_tried_again_and_the_old_phone_still_works(way: Way) -> None:
    old = way.installed()
    first = replace(way, old, "transfer")
    way.look()
    first.refresh_from_db()
    way.tell(first, Point.INSTALLATION, ok=False, failure="8.2.10/4.2")
    second = replace(way, first, "transfer")
    way.look()
    assert (again(old).state, again(first).state, again(second).state) == ("installed", "withdrawn", "released")
    second.refresh_from_db()
    way.tell(second, Point.INSTALLATION, eid=OTHER_EID)
    way.look()
    assert (again(old).state, again(second).line.iccid) == ("withdrawn", second.iccid)


# --- not now ------------------------------------------------------------------------------------------------------


def test_a_second_click_gives_what_the_first_one_made(way: Way) -> None:
    old = way.installed()
    made = replace(way, old)
    assert replace(way, old) == made
    way.look()
    assert replace(way, old).pk == made.pk
    assert Delivery.objects.count() == 2


def test_another_wish_for_what_has_been_replaced_is_refused(way: Way) -> None:
    old = way.installed()
    made = replace(way, old)
    assert refused(way, old, "transfer") == ("delivery_replaced", 409)
    way.look()
    made.refresh_from_db()
    way.tell(made, Point.INSTALLATION)
    assert refused(way, old) == ("delivery_replaced", 409)


def test_not_while_it_is_on_its_way(way: Way) -> None:
    order = way.paid()
    from lineaviva.keeper.delivery.actions import delivery_begin

    delivery = delivery_begin(order=order, now=way.now)
    assert delivery is not None
    assert refused(way, delivery) == ("delivery_on_its_way", 409)
    way.look()
    assert refused(way, delivery) == ("delivery_on_its_way", 409)
    way.tell(again(delivery), Point.DOWNLOAD)
    assert refused(way, delivery) == ("delivery_on_its_way", 409)
    way.clock.advance(timedelta(minutes=15))
    assert replace(way, delivery).state == "waiting"


def test_not_while_another_one_of_the_line_is_on_its_way(way: Way) -> None:
    old = way.installed()
    way.paid(line=old.line)
    way.look()
    assert refused(way, old) == ("delivery_on_its_way", 409)


def test_not_what_was_withdrawn_with_its_order(way: Way) -> None:
    from lineaviva.keeper.delivery.actions import delivery_give_up

    delivery = way.released(kind="topup")
    assert delivery.order is not None
    delivery_give_up(order=delivery.order, now=way.now)
    assert refused(way, delivery) == ("delivery_withdrawn", 409)
    way.look()
    assert refused(way, delivery) == ("delivery_withdrawn", 409)


def test_not_for_a_line_that_is_no_esim_any_more(way: Way) -> None:
    old = way.installed()
    line_change(line=old.line, by=old.line.holder, sim_type="physical", eid="", now=way.now)
    assert refused(way, old) == ("line_no_esim", 409)


def test_three_new_ones_in_thirty_days_and_no_more(way: Way) -> None:
    newest = way.installed()
    for day in range(3):
        way.clock.advance(timedelta(days=1))
        newest = replace(way, newest, "replacement" if day else "transfer")
        way.look()
        way.tell(again(newest), Point.INSTALLATION)
        way.look()
        newest = again(newest)
    assert refused(way, newest) == ("delivery_replaced_too_often", 429)
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["withdrawn"] * 3 + ["installed"]
    # The first of the three is thirty days old.
    way.clock.advance(timedelta(days=28))
    assert replace(way, newest).state == "waiting"


def test_a_refused_one_does_not_count(way: Way) -> None:
    from lineaviva.kernel.errors import Permanent

    way.server.fails["order"] = [Permanent("no", code="8.2.5/4.3")] * 9
    newest = way.released(kind="topup")
    for _ in range(5):
        newest = replace(way, newest)
        way.look()
    assert [one.state for one in Delivery.objects.all()] == ["refused"] * 6


def test_for_no_other_reason(way: Way) -> None:
    old = way.installed()
    before = facts(old)
    with pytest.raises(InvalidInput, match="neither replacement nor transfer"):
        replace(way, old, "order")
    assert (facts(old), Delivery.objects.count()) == (before, 1)


def person(way: Way, who: str, delivery: Delivery) -> User:
    if who == "bo":
        line_share(line=delivery.line, with_email="bo@example.org", right="pay", by=delivery.line.holder, now=way.now)
    roles = {"chen": "clerk", "dora": "operations", "ada": "agent"}
    return factories.holder(f"{who}@example.org", role=roles.get(who, "holder"))


@pytest.mark.parametrize("who", ["chen", "dora", "ada"])
def test_staff_do_it_too_and_it_is_written_down(way: Way, who: str) -> None:
    old = way.installed()
    by = person(way, who, old)
    made = replace(way, old, by=by)
    entry = AuditEntry.objects.get(act="delivery_replace")
    assert (entry.actor, entry.subject) == (by, f"delivery:{made.code}")
    assert entry.detail == {"reason": "replacement", "replaces": old.code}


def test_the_owner_at_the_command_line_does_it_too(way: Way) -> None:
    old = way.installed()
    made = delivery_replace(delivery=old, reason="transfer", by=None, now=way.now)
    assert (made.state, AuditEntry.objects.get(act="delivery_replace").actor) == ("waiting", None)


@pytest.mark.parametrize("who", ["bo", "eve"])
def test_nobody_else_does(way: Way, who: str) -> None:
    old = way.installed()
    before = facts(old)
    by = person(way, who, old)
    with pytest.raises(NotAllowed) as refusal:
        replace(way, old, by=by)
    assert (refusal.value.code, facts(old), Delivery.objects.count()) == ("delivery_not_yours", before, 1)


# --- the message again --------------------------------------------------------------------------------------------


def resend(way: Way, delivery: Delivery, by: User | None = None) -> DeliveryMail:
    return delivery_resend(delivery=delivery, by=by or delivery.line.holder, now=way.now)


def test_it_is_sent_again_to_its_holder(way: Way) -> None:
    delivery = way.released()
    resend(way, delivery)
    assert mails(delivery) == [("ready", "sent"), ("ready", "open")]
    assert resend(way, delivery) == DeliveryMail.objects.get(state="open")
    way.look()
    assert [message.to for message in mail.outbox] == [["anna@example.org"]] * 2
    assert not AuditEntry.objects.filter(act="delivery_resend").exists()


def test_three_at_once_then_one_every_ten_minutes(way: Way) -> None:
    delivery = way.released()
    for _ in range(3):
        resend(way, delivery)
        way.look()
    with pytest.raises(Conflict, match="again in 10 minutes") as refusal:
        resend(way, delivery)
    assert (refusal.value.code, refusal.value.status, len(mails(delivery))) == ("too_many", 429, 4)
    way.clock.advance(timedelta(minutes=10))
    resend(way, delivery)
    assert len(mails(delivery)) == 5


def test_staff_have_it_sent_to_the_holder_and_not_to_themselves(way: Way) -> None:
    delivery = way.released()
    chen = factories.clerk()
    assert resend(way, delivery, by=chen).to == "anna@example.org"
    entry = AuditEntry.objects.get(act="delivery_resend")
    assert (entry.actor, entry.subject) == (chen, f"delivery:{delivery.code}")


@pytest.mark.parametrize("who", ["bo", "eve"])
def test_nobody_else_has_it_sent(way: Way, who: str) -> None:
    delivery = way.released()
    with pytest.raises(NotAllowed):
        resend(way, delivery, by=person(way, who, delivery))
    assert mails(delivery) == [("ready", "sent")]


@pytest.mark.parametrize("state", ["waiting", "ordered", "installed", "failed", "expired", "withdrawn"])
def test_there_must_be_something_to_send(way: Way, state: str) -> None:
    delivery = way.released()
    Delivery.objects.filter(pk=delivery.pk).update(state=state)
    with pytest.raises(Conflict) as refusal:
        resend(way, again(delivery))
    assert (refusal.value.code, mails(delivery)) == ("delivery_not_ready", [("ready", "sent")])


def test_what_was_downloaded_and_not_installed_can_be_sent_again(way: Way) -> None:
    delivery = way.released()
    way.tell(delivery, Point.DOWNLOAD, eid=EID)
    assert activation_code(again(delivery)) is not None
    resend(way, again(delivery))
    assert kinds(delivery) == ["ordered", "released", "downloaded"]


def test_a_message_counts_for_the_holder_as_they_are_now(way: Way, settings: Any) -> None:
    delivery = way.released()
    holder = delivery.line.holder
    holder.email = "anna.new@example.org"
    holder.save(update_fields=["email"])
    assert resend(way, again(delivery)).to == "anna.new@example.org"
