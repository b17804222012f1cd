from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines import queries
from lineaviva.keeper.lines.actions import (
    line_change,
    line_event_record,
    line_register,
    line_remove,
    line_restore,
    line_share,
    line_tell,
    line_unshare,
)
from lineaviva.keeper.lines.models import Line, LineEvent, LineShare
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests import factories

pytestmark = pytest.mark.django_db

EID = "89049032123451234512345678901235"


@pytest.fixture
def anna() -> User:
    return factories.holder()


@pytest.fixture
def eve() -> User:
    return factories.holder("eve@example.org")


def kinds(line: Line) -> list[str]:
    return list(LineEvent.objects.filter(line=line).order_by("pk").values_list("kind", flat=True))


class TestRegister:
    def test_a_line_gets_its_dates_at_once(self, anna: User, now: datetime) -> None:
        line = line_register(
            holder=anna,
            msisdn="347 123 4567",
            operator="tim",
            label="Mamma",
            last_topup=date(2026, 3, 31),
            by=anna,
            now=now,
        )
        line.refresh_from_db()
        assert (line.msisdn, line.operator, line.sim_type, line.label) == ("+393471234567", "tim", "physical", "Mamma")
        assert (line.extended_on, line.next_deadline_on, line.state) == (
            date(2026, 3, 31),
            date(2027, 3, 31),
            "full_service",
        )
        assert line.created_at == now
        assert line.look_at == now
        assert [(event.kind, event.on, event.recorded_by, event.reference) for event in line.events.order_by("pk")] == [
            ("registered", date(2026, 11, 22), anna, "note:1"),
            ("topup", date(2026, 3, 31), anna, "holder:1"),
        ]

    def test_without_a_topup_nothing_is_known(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, last_topup=None)
        assert (line.extended_on, line.next_deadline_on, line.state) == (None, None, "unknown")
        assert line.look_at == now

    def test_an_esim_needs_nothing_more_and_takes_its_eid(self, anna: User) -> None:
        assert factories.line(holder=anna, sim_type="esim").eid == ""
        assert factories.line(holder=anna, sim_type="esim", eid=EID).eid == EID

    @pytest.mark.parametrize(
        ("facts", "field"),
        [
            ({"msisdn": "hello"}, "msisdn"),
            ({"operator": "nobody"}, "operator"),
            ({"iccid": "1"}, "iccid"),
            ({"last_topup": date(2026, 11, 23)}, "last_topup"),
            ({"last_topup": date(1980, 1, 1)}, "last_topup"),
        ],
    )
    def test_a_refusal_names_the_field_and_writes_nothing(self, anna: User, facts: dict[str, Any], field: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            factories.line(holder=anna, **facts)
        assert refusal.value.field == field
        assert not Line.objects.exists()
        assert not LineEvent.objects.exists()

    def test_the_same_number_twice(self, anna: User, eve: User) -> None:
        factories.line(holder=anna, msisdn="3471234567")
        with pytest.raises(Conflict) as refusal:
            factories.line(holder=anna, msisdn="+39 347 1234567", label="again")
        assert (refusal.value.code, refusal.value.field) == ("line_exists", "msisdn")
        assert Line.objects.get().label == ""
        # Another holder may keep the same number: a family shares phones.
        factories.line(holder=eve, msisdn="3471234567")
        assert Line.objects.count() == 2


class TestEvents:
    def test_a_topup_moves_the_dates(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, last_topup=date(2025, 12, 1))
        event = line_event_record(
            line=line, kind="topup", on=date(2026, 11, 22), reference="order:ABCD2345", amount_minor=500, now=now
        )
        assert (event.kind, event.amount_minor, event.recorded_by) == ("topup", 500, None)
        assert line.next_deadline_on == date(2027, 11, 22)
        line.refresh_from_db()
        assert (line.extended_on, line.next_deadline_on) == (date(2026, 11, 22), date(2027, 11, 22))

    def test_the_same_event_again_changes_nothing(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, last_topup=date(2025, 12, 1))
        first = line_event_record(line=line, kind="topup", on=date(2026, 11, 21), reference="order:A", now=now)
        later = now + timedelta(days=1)
        again = line_event_record(line=line, kind="topup", on=date(2026, 11, 22), reference="order:A", now=later)
        assert again == first
        line.refresh_from_db()
        assert line.extended_on == date(2026, 11, 21)
        assert kinds(line) == ["registered", "topup", "topup"]

    def test_it_wakes_the_line(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        Line.objects.update(look_at=now + timedelta(days=100))
        line_event_record(line=line, kind="topup", on=date(2026, 11, 22), reference="order:A", now=now)
        line.refresh_from_db()
        assert line.look_at == now

    @pytest.mark.parametrize(
        ("extends", "expected"), [(None, date(2026, 3, 31)), (False, date(2026, 3, 31)), (True, date(2026, 11, 22))]
    )
    def test_a_source_that_knows_better_than_the_rulebook(
        self, anna: User, now: datetime, extends: bool | None, expected: date
    ) -> None:
        line = factories.line(holder=anna, operator="vodafone")
        line_event_record(line=line, kind="plan", on=date(2026, 11, 22), reference="order:A", extends=extends, now=now)
        assert line.extended_on == expected

    def test_no_such_kind(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(InvalidInput) as refusal:
            line_event_record(line=line, kind="dance", on=date(2026, 11, 22), reference="x", now=now)
        assert refusal.value.field == "kind"
        assert kinds(line) == ["registered", "topup"]

    def test_a_removed_line_takes_it_and_has_it_when_restored(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        line_remove(line=line, by=anna, now=now)
        line_event_record(line=line, kind="topup", on=date(2026, 11, 22), reference="order:A", now=now)
        line_restore(line=line, by=anna, now=now)
        line.refresh_from_db()
        assert (line.extended_on, line.removed_at) == (date(2026, 11, 22), None)


class TestTelling:
    def test_back_and_forth(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, last_topup=date(2026, 3, 31))
        for day in (date(2025, 3, 31), date(2025, 3, 31), date(2026, 3, 31), date(2025, 3, 31)):
            line_tell(line=line, kind="topup", on=day, by=anna, now=now)
            assert line.extended_on == day
        assert [event.on for event in line.events.filter(kind="topup").order_by("pk")] == [
            date(2026, 3, 31),
            date(2025, 3, 31),
            date(2026, 3, 31),
            date(2025, 3, 31),
        ]

    def test_only_the_holder_tells(self, anna: User, eve: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(NotAllowed):
            line_tell(line=line, kind="topup", on=date(2026, 11, 1), by=eve, now=now)
        assert kinds(line) == ["registered", "topup"]

    @pytest.mark.parametrize(
        ("kind", "on"), [("topup", date(2026, 11, 23)), ("topup", date(1990, 1, 1)), ("note", date(2026, 11, 1))]
    )
    def test_bad_tellings(self, anna: User, now: datetime, kind: str, on: date) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(InvalidInput):
            line_tell(line=line, kind=kind, on=on, by=anna, now=now)
        assert kinds(line) == ["registered", "topup"]


class TestChange:
    def test_what_changes_is_in_the_history(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, label="Mamma")
        line_change(line=line, by=anna, now=now, label="妈妈", auto_renew=True, plan="")
        line.refresh_from_db()
        assert (line.label, line.auto_renew) == ("妈妈", True)
        event = queries.history(line)[0]
        assert (event.kind, event.recorded_by) == ("changed", anna)
        assert event.detail == {"label": ["Mamma", "妈妈"], "auto_renew": [False, True]}

    def test_identities_are_masked_in_the_history(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        line_change(line=line, by=anna, now=now, iccid="8939010000000000009")
        assert queries.history(line)[0].detail == {"iccid": ["", "…0009"]}

    def test_what_is_so_already_changes_nothing(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, label="Mamma", last_topup=date(2026, 3, 31))
        line_change(line=line, by=anna, now=now, label=" Mamma ", last_topup=date(2026, 3, 31))
        line_change(line=line, by=anna, now=now, last_topup=None)
        assert kinds(line) == ["registered", "topup"]

    def test_another_operator_counts_again(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, operator="tim", last_topup=date(2026, 3, 31))
        line_change(line=line, by=anna, now=now, operator="vodafone")
        line.refresh_from_db()
        assert line.next_deadline_on == date(2027, 2, 28)

    def test_a_topup_told_by_the_form(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, last_topup=None)
        line_change(line=line, by=anna, now=now, last_topup=date(2026, 5, 1))
        assert (line.extended_on, queries.last_topup(line)) == (date(2026, 5, 1), date(2026, 5, 1))

    @pytest.mark.parametrize(
        "changes", [{"label": "x" * 61}, {"operator": "x"}, {"eid": EID}, {"last_topup": date(2030, 1, 1)}]
    )
    def test_a_refusal_changes_nothing(self, anna: User, now: datetime, changes: Any) -> None:
        line = factories.line(holder=anna)
        before = Line.objects.filter(pk=line.pk).values().get()
        with pytest.raises(InvalidInput):
            line_change(line=line, by=anna, now=now, **{"plan": "Base", **changes})
        assert Line.objects.filter(pk=line.pk).values().get() == before
        assert kinds(line) == ["registered", "topup"]

    def test_not_by_others(self, anna: User, eve: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        line_share(line=line, with_email="eve@example.org", right="pay", by=anna, now=now)
        with pytest.raises(NotAllowed):
            line_change(line=line, by=eve, now=now, label="Eve was here")
        assert Line.objects.get().label == ""

    def test_by_operations_and_by_the_owner_of_the_machine(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        line_change(line=line, by=factories.holder("dora@example.org", role="operations"), now=now, label="a")
        line_change(line=line, by=None, now=now, label="b")
        assert Line.objects.get().label == "b"


class TestRemove:
    def test_and_undo(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        Line.objects.update(look_at=None)
        line_remove(line=line, by=anna, now=now)
        assert not queries.lines_for(anna).exists()
        line.refresh_from_db()
        assert (line.removed_at, line.look_at) == (now, now)
        line_restore(line=line, by=anna, now=now)
        assert list(queries.lines_for(anna)) == [line]
        assert kinds(line) == ["registered", "topup", "removed", "restored"]

    def test_twice_is_once(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        line_remove(line=line, by=anna, now=now)
        line_remove(line=line, by=anna, now=now + timedelta(hours=1))
        line.refresh_from_db()
        assert line.removed_at == now
        line_restore(line=line, by=anna, now=now)
        line_restore(line=line, by=anna, now=now)
        assert kinds(line) == ["registered", "topup", "removed", "restored"]

    def test_added_again_meanwhile(self, anna: User, now: datetime) -> None:
        line = factories.line(holder=anna, msisdn="3471234567")
        line_remove(line=line, by=anna, now=now)
        factories.line(holder=anna, msisdn="3471234567")
        with pytest.raises(Conflict) as refusal:
            line_restore(line=line, by=anna, now=now)
        assert refusal.value.code == "line_exists"
        assert queries.lines_for(anna).count() == 1

    def test_not_by_others(self, anna: User, eve: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(NotAllowed):
            line_remove(line=line, by=eve, now=now)
        assert Line.objects.get().removed_at is None


class TestShare:
    def test_read_then_pay_then_nothing(self, anna: User, now: datetime) -> None:
        bo = factories.holder("bo@example.org")
        line = factories.line(holder=anna)
        line_share(line=line, with_email="BO@example.org", right="read", by=anna, now=now)
        assert queries.line_for(user=bo, line_id=line.pk) == line
        with pytest.raises(NotFound):
            queries.line_for(user=bo, line_id=line.pk, right="pay")
        line_share(line=line, with_email="bo@example.org", right="pay", by=anna, now=now)
        assert queries.line_for(user=bo, line_id=line.pk, right="pay") == line
        assert LineShare.objects.count() == 1
        line_share(line=line, with_email="bo@example.org", right="pay", by=anna, now=now)
        line_unshare(line=line, with_email="bo@example.org", by=anna, now=now)
        assert not queries.lines_for(bo).exists()
        assert kinds(line) == ["registered", "topup", "shared", "shared", "unshared"]

    def test_with_an_address_that_has_no_account_yet(self, now: datetime) -> None:
        line = factories.line(holder=factories.holder(language="zh-hant"))
        line_share(line=line, with_email="new@example.org", right="read", by=line.holder, now=now)
        assert User.objects.get(email="new@example.org").language == "zh-hant"

    @pytest.mark.parametrize(
        ("with_email", "right", "field"),
        [
            ("bo@example.org", "own", "right"),
            ("bo", "read", "with_email"),
            ("anna@example.org", "read", "with_email"),
        ],
    )
    def test_refusals(self, anna: User, now: datetime, with_email: str, right: str, field: str) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(InvalidInput) as refusal:
            line_share(line=line, with_email=with_email, right=right, by=anna, now=now)
        assert refusal.value.field == field
        assert not LineShare.objects.exists()
        assert list(User.objects.all()) == [anna]

    def test_only_the_holder_shares(self, anna: User, eve: User, now: datetime) -> None:
        line = factories.line(holder=anna)
        with pytest.raises(NotAllowed):
            line_share(line=line, with_email="eve@example.org", right="pay", by=eve, now=now)
        assert not LineShare.objects.exists()

    def test_a_right_may_be_given_up(self, anna: User, eve: User, now: datetime) -> None:
        bo = factories.holder("bo@example.org")
        line = factories.line(holder=anna)
        line_share(line=line, with_email=bo.email, right="pay", by=anna, now=now)
        with pytest.raises(NotAllowed):
            line_unshare(line=line, with_email=bo.email, by=eve, now=now)
        line_unshare(line=line, with_email=bo.email, by=bo, now=now)
        with pytest.raises(NotFound):
            line_unshare(line=line, with_email=bo.email, by=anna, now=now)
        assert not LineShare.objects.exists()
