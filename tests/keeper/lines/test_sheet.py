"""Files in and out, against the database."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines import queries, rules
from lineaviva.keeper.lines.actions import line_event_record, line_remove, line_share
from lineaviva.keeper.lines.models import Line, LineEvent
from lineaviva.keeper.lines.sheet.actions import lines_import
from lineaviva.keeper.lines.sheet.export import lines_export, record
from lineaviva.keeper.lines.sheet.planning import Change, ImportPlan, wanted
from lineaviva.keeper.lines.sheet.reading import COLUMNS, Row, RowError, Sheet
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import InvalidInput
from tests import factories

HEADER = "msisdn,operator,sim_type,iccid,eid,label,holder_email,last_topup,plan,plan_expires_on,auto_renew\n"
CANONICAL = (
    HEADER
    + "+393471234567,tim,physical,8939010000000000009,,Mamma,anna@example.org,2026-03-31,,,no\n"
    + "+393471234568,vodafone,esim,,89049032123451234512345678901235,妈妈的卡,bo@example.org,"
    + "2026-05-01,Base,2027-01-01,yes\n"
    + '+393471234569,windtre,physical,,,"Rossi, ""Nonna""",anna@example.org,,,,no\n'
    + "+393471234570,tim,physical,,,'=1+1,anna@example.org,2026-03-31,'-Base,,no\n"
)


def run(
    text: str | bytes, now: datetime, *, dry_run: bool = False, holder: User | None = None, by: User | None = None
) -> ImportPlan:
    data = text if isinstance(text, bytes) else text.encode()
    return lines_import(data=data, holder=holder, by=by, now=now, dry_run=dry_run)


def everything() -> tuple[list[Any], list[Any], list[Any]]:
    """All rows there are, to see that nothing changed."""
    return (
        list(Line.objects.order_by("pk").values()),
        list(LineEvent.objects.order_by("pk").values()),
        list(User.objects.order_by("pk").values()),
    )


def exported() -> str:
    return "".join(lines_export(Line.objects.filter(removed_at=None)))


@pytest.mark.django_db
class TestImport:
    def test_lines_are_as_if_typed_in(self, now: datetime) -> None:
        plan = run(CANONICAL, now)
        assert (plan.applied, plan.errors, plan.count("add")) == (True, [], 4)
        assert plan.new_holders == ["anna@example.org", "bo@example.org"]
        typed = factories.line(
            holder=User.objects.get(email="bo@example.org"),
            msisdn="+393470000001",
            operator="vodafone",
            sim_type="esim",
            eid="89049032123451234512345678901235",
            label="妈妈的卡",
            last_topup=date(2026, 5, 1),
            plan="Base",
            plan_expires_on=date(2027, 1, 1),
            auto_renew=True,
        )
        mine = Line.objects.filter(msisdn="+393471234568").values().get()
        other = Line.objects.filter(pk=typed.pk).values().get()
        differing = {name for name in mine if mine[name] != other[name]}
        assert differing == {"id", "msisdn", "wakes"}
        events = [
            list(LineEvent.objects.filter(line=line).order_by("pk").values_list("kind", "on", "extends", "detail"))
            for line in (mine["id"], typed)
        ]
        assert events[0] == events[1]

    def test_a_dry_run_writes_nothing(self, now: datetime) -> None:
        plan = run(CANONICAL, now, dry_run=True)
        assert (plan.applied, plan.count("add")) == (False, 4)
        assert everything() == ([], [], [])
        assert plan.rows[0].changes == (
            Change("operator", None, "tim"),
            Change("sim_type", None, "physical"),
            Change("iccid", None, "8939010000000000009"),
            Change("label", None, "Mamma"),
            Change("last_topup", None, date(2026, 3, 31)),
            Change("auto_renew", None, False),
        )

    def test_twice_changes_nothing(self, now: datetime) -> None:
        run(CANONICAL, now)
        before = everything()
        plan = run(CANONICAL, now + timedelta(days=1))
        assert (plan.count("unchanged"), plan.count("add"), plan.count("change"), plan.new_holders) == (4, 0, 0, [])
        assert everything() == before

    def test_what_changes_is_shown_and_done(self, now: datetime) -> None:
        run(CANONICAL, now)
        text = CANONICAL.replace("Mamma", "Madre").replace("2026-05-01", "01/06/2026")
        dry = run(text, now, dry_run=True)
        assert [(row.msisdn, row.changes) for row in dry.rows if row.act == "change"] == [
            ("+393471234567", (Change("label", "Mamma", "Madre"),)),
            ("+393471234568", (Change("last_topup", date(2026, 5, 1), date(2026, 6, 1)),)),
        ]
        assert exported() == CANONICAL
        Line.objects.update(look_at=None)
        run(text, now)
        assert exported() == CANONICAL.replace("Mamma", "Madre").replace("2026-05-01", "2026-06-01")
        changed, topped_up, *others = Line.objects.order_by("pk")
        assert topped_up.next_deadline_on == date(2027, 5, 1)
        assert [line.look_at for line in (changed, topped_up)] == [now, now]
        assert [line.look_at for line in others] == [None, None]
        event = queries.history(changed)[0]
        assert (event.kind, event.detail, event.recorded_by) == ("changed", {"label": ["Mamma", "Madre"]}, None)
        assert run(text, now).count("unchanged") == 4

    def test_columns_that_are_not_there_change_nothing(self, now: datetime) -> None:
        run(CANONICAL, now)
        text = "msisdn;operator;holder_email;auto_renew\n3471234567;tim;anna@example.org;sì\n"
        plan = run(text, now)
        assert [row.changes for row in plan.rows] == [(Change("auto_renew", False, True),)]
        assert exported() == CANONICAL.replace("2026-03-31,,,no\n", "2026-03-31,,,yes\n", 1)

    def test_an_empty_cell_empties_a_text_but_says_nothing_of_days(self, now: datetime) -> None:
        run(CANONICAL, now)
        text = "msisdn,operator,holder_email,label,last_topup,sim_type\n3471234567,tim,anna@example.org,,,\n"
        plan = run(text, now)
        assert [row.changes for row in plan.rows] == [(Change("label", "Mamma", ""),)]

    def test_cells_that_a_short_line_leaves_out_change_nothing(self, now: datetime) -> None:
        run(CANONICAL, now)
        plan = run("msisdn,operator,holder_email,label,plan\n3471234567,tim,anna@example.org\n", now)
        assert (plan.errors, plan.count("unchanged")) == ([], 1)
        assert exported() == CANONICAL

    def test_a_sheet_from_before_a_renewal_is_no_news(self, now: datetime) -> None:
        run(CANONICAL, now)
        line = Line.objects.get(msisdn="+393471234567")
        line_event_record(line=line, kind="topup", on=date(2026, 11, 20), reference="order:A", now=now)
        assert run(CANONICAL, now).count("unchanged") == 4
        line.refresh_from_db()
        assert line.extended_on == date(2026, 11, 20)
        assert exported() == CANONICAL.replace("2026-03-31", "2026-11-20", 1)
        assert run(exported(), now).count("unchanged") == 4

    def test_another_operator_counts_the_days_again(self, now: datetime) -> None:
        run(CANONICAL, now)
        run(CANONICAL.replace("567,tim,", "567,vodafone,"), now)
        assert Line.objects.get(msisdn="+393471234567").next_deadline_on == date(2027, 2, 28)

    def test_the_worker_hears_of_it(self, now: datetime) -> None:
        run(CANONICAL, now)
        agenda.run_due(now)
        assert not Line.objects.filter(look_at__lte=now).exists()

    def test_a_removed_line_is_added_anew(self, now: datetime) -> None:
        run(CANONICAL, now)
        line_remove(line=Line.objects.get(msisdn="+393471234567"), by=None, now=now)
        plan = run(CANONICAL, now)
        assert (plan.count("add"), plan.count("unchanged")) == (1, 3)
        assert Line.objects.filter(msisdn="+393471234567").count() == 2

    def test_more_than_one_batch(self, now: datetime) -> None:
        rows = "".join(f"347{number:07d},tim,h{number % 3}@example.org,2026-03-31\n" for number in range(1, 4502))
        text = f"msisdn,operator,holder_email,last_topup\n{rows}"
        assert run(text, now).count("add") == 4501
        assert LineEvent.objects.count() == 2 * 4501
        assert Line.objects.filter(state="full_service", next_deadline_on=date(2027, 3, 31)).count() == 4501
        assert run(text.replace("2026-03-31", "2026-04-01"), now).count("change") == 4501
        assert Line.objects.filter(next_deadline_on=date(2027, 4, 1)).count() == 4501
        assert run(text.replace("2026-03-31", "2026-04-01"), now).count("unchanged") == 4501

    def test_statements_do_not_grow_with_rows(self, now: datetime, django_assert_max_num_queries: Any) -> None:
        rows = "".join(f"347{number:07d},tim,anna@example.org\n" for number in range(1, 1500))
        with django_assert_max_num_queries(40):
            run(f"msisdn,operator,holder_email\n{rows}", now)
        with django_assert_max_num_queries(40):
            run(f"msisdn,operator,holder_email,label\n{rows.replace('.org', '.org,new')}", now)
        assert Line.objects.filter(label="new").count() == 1499


BAD_CELLS = [
    pytest.param({"msisdn": "3,47123E+11"}, "msisdn", "number_mangled", id="shortened number"),
    pytest.param({"msisdn": ""}, "msisdn", "msisdn_invalid", id="no number"),
    pytest.param({"msisdn": "0212345678"}, "msisdn", "msisdn_fixed_line", id="fixed line"),
    pytest.param({"operator": "telecom"}, "operator", "operator_unknown", id="operator"),
    pytest.param({"operator": ""}, "operator", "operator_unknown", id="no operator"),
    pytest.param({"sim_type": "nano"}, "sim_type", "sim_type_unknown", id="SIM type"),
    pytest.param({"iccid": "8939010000000000008"}, "iccid", "iccid_invalid", id="check digit"),
    pytest.param({"eid": "89049032123451234512345678901235"}, "eid", "eid_on_sim", id="EID of a SIM"),
    pytest.param({"label": "x" * 61}, "label", "text_too_long", id="label"),
    pytest.param({"holder_email": "anna"}, "holder_email", "email_invalid", id="address"),
    pytest.param({"holder_email": ""}, "holder_email", "holder_missing", id="no holder"),
    pytest.param({"last_topup": "31/03/25"}, "last_topup", "date_invalid", id="short year"),
    pytest.param({"last_topup": "2026-11-23"}, "last_topup", "date_in_future", id="tomorrow"),
    pytest.param({"plan_expires_on": "1900-01-01"}, "plan_expires_on", "date_too_early", id="1900"),
    pytest.param({"auto_renew": "perhaps"}, "auto_renew", "yes_no_invalid", id="neither"),
]


@pytest.mark.django_db
class TestMistakes:
    @pytest.mark.parametrize(("cells", "field", "code"), BAD_CELLS)
    def test_one_bad_cell_stops_the_whole_file(
        self, cells: dict[str, str], field: str, code: str, now: datetime
    ) -> None:
        good = {"msisdn": "3471234560", "operator": "tim", "holder_email": "anna@example.org"}
        bad = {**good, "msisdn": "3471234561", **cells}
        plan = run(_with(";", [good, bad]), now)
        assert [(error.line, error.field, error.code) for error in plan.errors] == [(3, field, code)]
        assert plan.errors[0].message.endswith(".")
        assert not plan.applied
        assert everything() == ([], [], [])

    def test_all_mistakes_are_told_at_once(self, now: datetime) -> None:
        text = "msisdn,operator,holder_email,last_topup\n3471234567,tim,a@b.it,,x\n12,nobody,x,99\n3471234567\n"
        plan = run(text, now)
        assert [(error.line, error.field, error.code) for error in plan.errors] == [
            (2, "", "cells_surplus"),
            (3, "msisdn", "msisdn_invalid"),
            (3, "operator", "operator_unknown"),
            (3, "holder_email", "email_invalid"),
            (3, "last_topup", "date_invalid"),
            (4, "operator", "operator_unknown"),
            (4, "holder_email", "holder_missing"),
        ]

    def test_the_same_number_twice_in_a_file(self, now: datetime) -> None:
        text = (
            "msisdn,operator,holder_email\n3471234567,tim,anna@example.org\n+39 347 1234567,tim,ANNA@example.org\n"
            "3471234567,tim,bo@example.org\n"
        )
        plan = run(text, now)
        assert plan.errors == [
            RowError(3, "msisdn", "line_twice", "This number of the same holder is on line 2 already.")
        ]
        assert everything() == ([], [], [])

    def test_an_eid_on_a_line_that_is_there_as_a_sim(self, now: datetime) -> None:
        run(CANONICAL, now)
        text = "msisdn,operator,holder_email,eid\n3471234567,tim,anna@example.org,89049032123451234512345678901235\n"
        assert [(error.field, error.code) for error in run(text, now).errors] == [("eid", "eid_on_sim")]
        assert exported() == CANONICAL

    def test_a_file_that_cannot_be_read(self, now: datetime) -> None:
        with pytest.raises(InvalidInput):
            run("nothing\n", now)
        assert everything() == ([], [], [])


def _with(mark: str, rows: list[dict[str, str]]) -> str:
    lines = [mark.join(COLUMNS), *(mark.join(row.get(name, "") for name in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.mark.django_db
class TestWhose:
    def test_a_holder_brings_lines_of_their_own(self, now: datetime) -> None:
        anna = factories.holder()
        plan = run("msisdn,operator\n3471234567,tim\n", now, holder=anna, by=anna)
        assert plan.applied
        line = Line.objects.get()
        assert line.holder == anna
        assert {event.recorded_by for event in line.events.all()} == {anna}

    def test_and_nobody_elses(self, now: datetime) -> None:
        anna = factories.holder()
        plan = run("msisdn,operator,holder_email\n3471234567,tim,bo@example.org\n", now, holder=anna, by=anna)
        assert [(error.line, error.field, error.code) for error in plan.errors] == [
            (2, "holder_email", "holder_not_you")
        ]
        assert not Line.objects.exists()
        assert User.objects.count() == 1

    def test_operations_brings_anybodys(self, now: datetime) -> None:
        dora = factories.holder("dora@example.org", role="operations")
        plan = run("msisdn,operator,holder_email\n3471234567,tim,bo@example.org\n", now, by=dora)
        assert plan.applied
        assert Line.objects.get().holder.email == "bo@example.org"

    def test_no_holder_at_all(self, now: datetime) -> None:
        plan = run("msisdn,operator\n3471234567,tim\n", now)
        assert [error.code for error in plan.errors] == ["holder_missing"]


@pytest.mark.django_db
class TestExport:
    def test_gives_the_same_file_back(self, now: datetime) -> None:
        run(CANONICAL, now)
        assert exported() == CANONICAL

    def test_and_for_excel_one_that_it_opens(self, now: datetime) -> None:
        run(CANONICAL, now)
        text = "".join(lines_export(Line.objects.all(), excel=True))
        assert text.startswith("\ufeffmsisdn;operator;")
        assert text.endswith(";no\r\n")
        assert run(text, now).count("unchanged") == 4

    def test_nothing_to_export(self) -> None:
        assert exported() == HEADER

    def test_shared_lines_are_not_in_ones_own_file(self, now: datetime) -> None:
        anna, bo = factories.holder(), factories.holder("bo@example.org")
        line = factories.line(holder=anna)
        line_share(line=line, with_email=bo.email, right="pay", by=anna, now=now)
        assert "".join(lines_export(queries.lines_of(bo))) == HEADER
        assert line.msisdn in "".join(lines_export(queries.lines_of(anna)))

    def test_few_statements(self, now: datetime, django_assert_max_num_queries: Any) -> None:
        run(CANONICAL, now)
        with django_assert_max_num_queries(4):
            exported()


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40).map(
    lambda text: " ".join(text.split())
)
days = st.dates(date(1995, 1, 1), date(2026, 11, 22))


@given(
    label=texts,
    plan=texts,
    last_topup=st.none() | days,
    plan_expires_on=st.none() | days,
    auto_renew=st.booleans(),
    number=st.integers(0, 9_999_999),
)
def test_whatever_is_exported_reads_as_the_same(
    label: str,
    plan: str,
    last_topup: date | None,
    plan_expires_on: date | None,
    auto_renew: bool,
    number: int,
) -> None:
    said: dict[str, Any] = {
        "msisdn": f"+39347{number:07d}",
        "operator": "tim",
        "sim_type": "physical",
        "iccid": "",
        "eid": "",
        "label": label,
        "plan": plan,
        "last_topup": last_topup,
        "plan_expires_on": plan_expires_on,
        "auto_renew": auto_renew,
        "holder_email": "+anna@example.org",
    }
    if any(not _storable(text) for text in (label, plan)):
        return
    row = Row(2, dict(zip(COLUMNS, record(said), strict=True)))
    found, errors = wanted(Sheet(COLUMNS, [row], []), default_email="", email_checked=str, today=date(2026, 11, 22))
    assert errors == []
    again = {**found[0].fields, "msisdn": found[0].msisdn, "holder_email": found[0].email}
    assert {name: again.get(name) for name in said} == said


def _storable(text: str) -> bool:
    try:
        return rules.text_checked(text, field="label", longest=60) == text
    except InvalidInput:
        return False


@pytest.mark.django_db
def test_days_and_truths_are_stored_as_the_orm_would(now: datetime) -> None:
    run(CANONICAL, now)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT typeof(auto_renew), typeof(created_at), typeof(extended_on) FROM lines_line")
            assert set(cursor.fetchall()) == {("integer", "text", "text"), ("integer", "text", "null")}
    assert Line.objects.filter(created_at=now, extended_on=date(2026, 3, 31), auto_renew=False).count() == 2
    assert LineEvent.objects.filter(detail={}, recorded_at=now).count() == 7
