"""The ordinary reminders of a line that renews by itself: they ask nobody to do it, until something goes wrong."""

from __future__ import annotations

from datetime import date

import pytest
from django.core import mail

from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.renewals.actions import auto_stop
from tests.keeper.renewals.conftest import Operator, World

SUBJECT = {
    "en": "Mamma · TIM …{}: renews by itself by 31 March 2027",
    "it": "Mamma · TIM …{}: si rinnova da sola entro il 31 marzo 2027",
    "zh-hans": "Mamma · TIM（意大利电信） …{}：将在2027年3月31日之前自动续期",
    "zh-hant": "Mamma · TIM（義大利電信） …{}：將在2027年3月31日之前自動續期",
}


def renews_on(world: World) -> date | None:
    return Line.objects.get(pk=world.line.pk).renews_on


def asking() -> list[bool]:
    """Of each reminder that went out, whether it asks to renew: it then has the link that opens that."""
    return ["/r/" in one.body for one in mail.outbox if "list at Lineaviva" in one.body]


@pytest.mark.parametrize("language", SUBJECT)
def test_it_says_that_nobody_need_do_anything(world: World, language: str) -> None:
    world.anna.language = language
    world.anna.save()
    world.on()
    world.at(1, 30, 9, 1)
    [message] = mail.outbox
    assert message.subject == SUBJECT[language].format(world.line.msisdn[-4:])
    assert f"/lines/{world.line.pk}/auto/" in message.body
    assert "/r/" not in message.body
    assert world.line.msisdn not in message.body


def english(world: World) -> None:
    world.anna.language = "en"
    world.anna.save()


def test_stopped_the_next_one_asks_again(world: World) -> None:
    english(world)
    auto = world.on()
    world.days(date(2027, 1, 30), date(2027, 1, 30))
    assert (renews_on(world), asking()) == (date(2027, 3, 31), [False])
    auto_stop(auto=auto, by=world.anna, now=world.clock.now())
    assert renews_on(world) is None
    world.days(date(2027, 3, 1), date(2027, 3, 1))
    assert asking() == [False, True]


def test_a_refused_card_makes_them_ask_although_it_is_tried_again(world: World) -> None:
    english(world)
    world.on()
    world.bank.answers = ["card_declined"] * 9
    world.days(date(2027, 3, 20), date(2027, 3, 23))
    assert (renews_on(world), asking()) == (date(2027, 3, 31), [False])
    world.days(date(2027, 3, 24), date(2027, 3, 28))
    assert (world.states(), renews_on(world)) == ([("announced", "card_declined")], None)
    assert asking()[-1] is True
    world.days(date(2027, 3, 29), date(2027, 3, 31))
    assert (world.states()[0], renews_on(world)) == (("failed", "card_declined"), None)
    assert asking()[-2:] == [True, True]


def test_where_the_bank_wants_to_hear_the_holder_they_are_asked(world: World) -> None:
    english(world)
    world.on()
    world.bank.answers = ["not_confirmed"]
    world.days(date(2027, 3, 22), date(2027, 3, 24))
    assert renews_on(world) is None
    world.days(date(2027, 3, 28), date(2027, 3, 28))
    assert asking()[-1] is True


def test_refused_by_the_operator_they_are_asked(world: World) -> None:
    english(world)
    world.on()
    world.days(date(2027, 3, 20), date(2027, 3, 23))
    Operator.refuses = True
    world.days(date(2027, 3, 24), date(2027, 3, 28))
    assert (renews_on(world), asking()[-1]) == (None, True)


def test_once_renewed_it_is_the_next_date(world: World) -> None:
    world.on()
    world.days(date(2027, 3, 20), date(2027, 3, 26))
    assert renews_on(world) == date(2028, 3, 24)
