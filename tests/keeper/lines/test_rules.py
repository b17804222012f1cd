from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.lines import rules
from lineaviva.keeper.lines.rules import Happened, Turn
from lineaviva.kernel.errors import InvalidInput

DAY = date(2026, 3, 31)
EID = "89049032123451234512345678901235"


def topups(*told: tuple[str, date]) -> list[Happened]:
    return [Happened("topup", on, reference, None) for reference, on in told]


def extends_topups(kind: str) -> bool | None:
    return {"topup": True, "use": False}.get(kind)


class TestDetails:
    def test_every_field_in_its_stored_form(self) -> None:
        found = rules.details_checked(
            msisdn="0039 347 123 4567",
            operator=" TIM ",
            sim_type="eSIM",
            iccid="8939 0100 0000 0000 00",
            eid=EID,
            label="  Mamma \n a casa ",
            plan="Base",
            plan_expires_on=date(2027, 1, 1),
            auto_renew=True,
        )
        assert found == rules.Details(
            msisdn="+393471234567",
            operator="tim",
            sim_type="esim",
            iccid="8939010000000000009",
            eid=EID,
            label="Mamma a casa",
            plan="Base",
            plan_expires_on=date(2027, 1, 1),
            auto_renew=True,
        )

    @pytest.mark.parametrize(
        ("facts", "field", "code"),
        [
            pytest.param({"msisdn": "12"}, "msisdn", "msisdn_invalid", id="number"),
            pytest.param({"msisdn": "+8613800138000"}, "msisdn", "msisdn_foreign", id="Chinese number"),
            pytest.param({"operator": "telecom"}, "operator", "operator_unknown", id="operator"),
            pytest.param({"operator": ""}, "operator", "operator_unknown", id="no operator"),
            pytest.param({"operator": "../tim"}, "operator", "operator_unknown", id="operator as a path"),
            pytest.param({"sim_type": "nano"}, "sim_type", "sim_type_unknown", id="SIM type"),
            pytest.param({"iccid": "8939"}, "iccid", "iccid_invalid", id="ICCID too short"),
            pytest.param({"eid": "89", "sim_type": "esim"}, "eid", "eid_invalid", id="EID too short"),
            pytest.param({"eid": EID}, "eid", "eid_on_sim", id="EID of a physical SIM"),
            pytest.param({"label": "x" * 61}, "label", "text_too_long", id="label too long"),
            pytest.param({"label": "a\x00b"}, "label", "text_invalid", id="control character"),
            pytest.param({"label": "a\u202eb"}, "label", "text_invalid", id="turned direction"),
            pytest.param({"plan": "x" * 121}, "plan", "text_too_long", id="plan too long"),
            pytest.param({"plan_expires_on": date(1990, 1, 1)}, "plan_expires_on", "date_too_early", id="plan in 1990"),
            pytest.param({"plan_expires_on": date(2300, 1, 1)}, "plan_expires_on", "date_in_future", id="plan in 2300"),
        ],
    )
    def test_a_wrong_field_is_named(self, facts: dict[str, object], field: str, code: str) -> None:
        sound = {"msisdn": "3471234567", "operator": "tim"}
        with pytest.raises(InvalidInput) as refusal:
            rules.details_checked(**{**sound, **facts})  # type: ignore[arg-type]
        assert (refusal.value.field, refusal.value.code) == (field, code)

    def test_an_unknown_operator_is_answered_with_the_list(self) -> None:
        with pytest.raises(InvalidInput, match=r"it has .*tim.*vodafone.*windtre"):
            rules.operator_checked("telecom")

    @pytest.mark.parametrize("label", ["妈妈的卡", "Nonno’s 👨‍👩‍👧 SIM", "=1+1", "x" * 60])
    def test_labels_that_people_write(self, label: str) -> None:
        assert rules.text_checked(label, field="label", longest=60) == label


class TestExtending:
    def test_nothing_known(self) -> None:
        assert rules.extended_on([], extends_topups) is None

    def test_the_latest_of_what_was_seen(self) -> None:
        events = topups(("order:A", DAY), ("order:B", DAY - timedelta(days=90)))
        assert rules.extended_on(events, extends_topups) == DAY

    def test_a_correction_to_an_earlier_day_counts(self) -> None:
        events = topups(("holder:1", DAY), ("holder:2", DAY - timedelta(days=365)))
        assert rules.extended_on(events, extends_topups) == DAY - timedelta(days=365)

    def test_a_correction_takes_nothing_from_what_was_seen(self) -> None:
        events = topups(("order:A", DAY), ("import:1", DAY - timedelta(days=365)))
        assert rules.extended_on(events, extends_topups) == DAY
        assert rules.told_topup(events) == DAY - timedelta(days=365)
        assert rules.last_topup(events) == DAY

    @pytest.mark.parametrize(
        ("kind", "word", "expected"),
        [
            pytest.param("topup", None, DAY, id="the rulebook says yes"),
            pytest.param("topup", False, None, id="the source says no"),
            pytest.param("use", None, None, id="the rulebook says no"),
            pytest.param("use", True, DAY, id="the source says yes"),
            pytest.param("plan", None, None, id="not known counts as not"),
            pytest.param("plan", True, DAY, id="not known, but the source knows"),
            pytest.param("changed", True, None, id="a note never extends"),
        ],
    )
    def test_who_decides(self, kind: str, word: bool | None, expected: date | None) -> None:
        assert rules.extended_on([Happened(kind, DAY, "order:A", word)], extends_topups) == expected

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["order:1", "holder:1", "import:2", "order:2"]),
                st.dates(date(2020, 1, 1), date(2026, 1, 1)),
            )
        )
    )
    def test_never_later_than_anything_said(self, told: list[tuple[str, date]]) -> None:
        events = topups(*told)
        found = rules.extended_on(events, extends_topups)
        assert found in {None, *(event.on for event in events)}
        seen = [event.on for event in events if not rules.is_told(event.reference)]
        assert found is None or not seen or found >= max(seen)
        assert (found is None) == (not events)


class Dates:
    full_service_until: date | None = date(2026, 3, 31)
    receive_only_until: date | None = date(2026, 4, 30)
    number_kept_until: date | None = date(2027, 3, 31)


@pytest.mark.parametrize(
    ("as_of", "kinds"),
    [
        pytest.param(date(2026, 3, 31), ["limited", "off", "lost"], id="on the first date"),
        pytest.param(date(2026, 4, 1), ["off", "lost"], id="the day after"),
        pytest.param(date(2026, 5, 1), ["lost"], id="off"),
        pytest.param(date(2027, 4, 1), [], id="lost"),
    ],
)
def test_what_happens_if_nobody_acts(as_of: date, kinds: list[str]) -> None:
    assert [turn.kind for turn in rules.if_nobody_acts(Dates(), as_of=as_of)] == kinds


def test_what_is_not_known_does_not_happen() -> None:
    dates = Dates()
    dates.receive_only_until = None
    assert rules.if_nobody_acts(dates, as_of=date(2026, 1, 1)) == [
        Turn("limited", date(2026, 3, 31)),
        Turn("lost", date(2027, 3, 31)),
    ]
