"""What operators tell of a line: the eSIM profile that is in use, the plan that it is on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from lineaviva.keeper.lines.actions import line_change, line_esim_change, line_plan_change, line_remove
from lineaviva.keeper.lines.models import Line, LineEvent
from tests import factories

pytestmark = pytest.mark.django_db
ICCID, OTHER = "8939010000000000009", "8939010000000000017"
EID = "89049032123451234512345678901235"


def seen(line: Line, now: datetime, **facts: Any) -> Line:
    told = {"iccid": ICCID, "eid": EID, "on": date(2026, 11, 22), "reference": "delivery:K2M7F5PW", **facts}
    return line_esim_change(line=line, now=now, **told)


def test_another_profile_is_another_sim_and_moves_no_dates(now: datetime) -> None:
    line = factories.line(sim_type="esim", last_topup=date(2026, 3, 31), now=now)
    dates = (line.extended_on, line.next_deadline_on, line.state)
    for _ in range(2):
        found = seen(line, now)
    assert found is not line
    assert (line.iccid, line.eid, line.sim_type) == (ICCID, EID, "esim")
    line.refresh_from_db()
    assert (line.extended_on, line.next_deadline_on, line.state) == dates
    event = LineEvent.objects.get(line=line, kind="sim_change")
    assert (event.on, event.reference, event.recorded_by) == (date(2026, 11, 22), "delivery:K2M7F5PW", None)


def test_what_is_told_later_of_the_same_profile_is_no_other_sim(now: datetime) -> None:
    line = factories.line(sim_type="esim", now=now)
    seen(line, now, eid="")
    seen(line, now)
    assert (line.iccid, line.eid, LineEvent.objects.filter(kind="sim_change").count()) == (ICCID, EID, 1)
    seen(line, now, iccid=OTHER, eid="", reference="delivery:PLFW2356")
    assert (line.iccid, line.eid, LineEvent.objects.filter(kind="sim_change").count()) == (OTHER, "", 2)


def test_a_removed_line_takes_it_too(now: datetime) -> None:
    line = factories.line(sim_type="esim", now=now)
    line_remove(line=line, by=line.holder, now=now)
    assert seen(line, now).iccid == ICCID


@pytest.mark.parametrize("sim_type", ["esim", "physical"])
def test_a_number_that_is_none_never_locks_the_holder_out(now: datetime, sim_type: str) -> None:
    line = factories.line(sim_type=sim_type, now=now)
    seen(line, now, iccid=ICCID[:-1] + "1", eid="not an EID")
    assert (line.sim_type, line.iccid, line.eid) == ("esim", "", "")
    seen(line, now)
    assert line_change(line=line, by=line.holder, label="home", now=now).label == "home"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("Sandbox 20 GB", "Sandbox 20 GB"), ("x" * 121, ""), ("\u202eGB 02", "")],
    ids=["a name", "too long", "turned round"],
)
def test_the_plan_that_an_operator_put_a_line_on(now: datetime, name: str, kept: str) -> None:
    line = factories.line(plan="old", plan_expires_on=date(2026, 12, 1), now=now)
    line_plan_change(line=line, plan=name, expires_on=None, now=now)
    assert (line.plan, line.plan_expires_on) == (kept, None)
    line_plan_change(line=line, plan=name, expires_on=date(2027, 1, 1), now=now)
    stored = Line.objects.get(pk=line.pk)
    assert (stored.plan, stored.plan_expires_on) == (kept, date(2027, 1, 1))
    assert line_change(line=line, by=line.holder, label="home", now=now).label == "home"
