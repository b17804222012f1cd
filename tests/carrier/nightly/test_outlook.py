"""What a part has to do is asked once; what it has not to do costs no further question."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from lineaviva.carrier.hub.models import Desk
from lineaviva.carrier.nightly.models import NoticeGiven, Shard
from lineaviva.carrier.nightly.queries import Outlook, outlook
from lineaviva.carrier.nightly.statements import FEES, LIFE, NOTICE
from lineaviva.carrier.partitions import parts
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, in_part
from tests.carrier.nightly.worlds import statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
NOTHING = Outlook(plans=False, lines=False, changes=False, listened=False)


TOMORROW = day(1)


def one_line(look_on: date = TOMORROW, paid_until: date = NIGHT) -> None:
    """In the first part."""
    lines.offer()
    lines.plan(lines.line(credit=900, id=in_part(0, 1)[0], look_on=look_on), paid_until=paid_until)


def test_where_nothing_is_due_there_is_nothing_to_do() -> None:
    assert outlook(0, NIGHT) == NOTHING
    one_line(paid_until=TOMORROW)
    assert outlook(0, NIGHT) == NOTHING


@pytest.mark.parametrize("due", [day(-30), NIGHT])
def test_a_plan_that_is_due(due: date) -> None:
    one_line(paid_until=due)
    assert outlook(0, NIGHT) == Outlook(plans=True, lines=False, changes=False, listened=False)


@pytest.mark.parametrize("due", [day(-30), NIGHT])
def test_a_line_that_is_due(due: date) -> None:
    one_line(look_on=due, paid_until=TOMORROW)
    assert outlook(0, NIGHT) == Outlook(plans=False, lines=True, changes=False, listened=False)


def test_what_another_part_has_to_do_is_its_own() -> None:
    one_line(look_on=NIGHT)
    there = NOTHING if connection.vendor == "postgresql" else Outlook(True, True, False, False)
    assert outlook(1, NIGHT) == there


def test_a_change_counts_from_its_announcement_until_the_part_was_told() -> None:
    lines.offer()
    change = lines.change("tim-base", announced_on=NIGHT, from_on=day(40), price_minor=999, given=None)
    assert outlook(0, day(-1)) == NOTHING
    assert outlook(0, NIGHT) == Outlook(plans=False, lines=False, changes=True, listened=False)
    NoticeGiven.objects.create(part=1, change_id=change.pk, on=NIGHT)
    assert outlook(0, NIGHT).changes
    NoticeGiven.objects.create(part=0, change_id=change.pk, on=NIGHT)
    assert outlook(0, NIGHT) == NOTHING


def test_a_desk_that_is_open() -> None:
    desk = Desk.objects.create(operator="tim", look_at=at(NIGHT))
    assert outlook(0, NIGHT) == Outlook(plans=False, lines=False, changes=False, listened=True)
    Desk.objects.filter(pk=desk.pk).update(look_at=None)
    assert outlook(0, NIGHT) == NOTHING


def test_a_part_without_work_is_asked_three_things() -> None:
    """It is taken, looked at and left."""
    one_line(paid_until=TOMORROW)
    Shard.objects.bulk_create([Shard(part=part, done_through=day(-1)) for part in parts()])
    # The last two: there is no other part, and none that somebody works on.
    assert len(statements(10)) == 3 * len(parts()) + 2


def test_what_no_case_asks_for_is_left_out() -> None:
    def life(outcome: str) -> tuple[str, ...]:
        place = list(LIFE.cases).index("outcome")
        return tuple(outcome if at == place else "" for at in range(len(LIFE.cases)))

    told, freed = life("suspension_notice"), life("freed")
    assert LIFE.needed([freed]) == LIFE.needed([told, freed]) == LIFE
    assert len(LIFE.apply) - len(LIFE.needed([told]).apply) == 3
    assert [text for text in LIFE.needed([told]).apply if "'freed'" in text or "'refund'" in text] == []
    assert (FEES.needed([]), NOTICE.needed([])) == (FEES, NOTICE)
