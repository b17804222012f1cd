"""Every message in every language: what it names, and what it never says."""

from __future__ import annotations

from datetime import date

import pytest
from django.core import mail

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.reminders.email.adapter import EmailChannel
from lineaviva.keeper.reminders.ports import Message
from lineaviva.keeper.renewals.models import AutoMessage
from lineaviva.keeper.renewals.running import say
from lineaviva.keeper.renewals.texts import message_of, reason_text
from lineaviva.kernel.errors import Temporary
from tests.keeper.renewals.conftest import World

LANGUAGES = ("zh-hans", "zh-hant", "it", "en")
DAY = {"zh-hans": "2027年3月24日", "zh-hant": "2027年3月24日", "it": "24 marzo 2027", "en": "24 March 2027"}
NOTICE = {
    "zh-hans": "Mamma · TIM（意大利电信） …{}：2027年3月24日扣款 €5.00",
    "zh-hant": "Mamma · TIM（義大利電信） …{}：2027年3月24日扣款 €5.00",
    "it": "Mamma · TIM …{}: 5,00 € il giorno 24 marzo 2027",
    "en": "Mamma · TIM …{}: €5.00 on 24 March 2027",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_in_the_payers_language(world: World, language: str) -> None:
    world.anna.language = language
    world.anna.save()
    world.on()
    for day in (21, 22):
        world.at(3, day, 9, 1)
    world.at(3, 22, 9, 2)
    message = mail.outbox[-1]
    subject = NOTICE[language].format(world.line.msisdn[-4:])
    assert message.subject.replace("\xa0", " ") == subject
    assert DAY[language] in message.body
    assert message.extra_headers["Content-Language"] == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind.value for kind in AutoMessage.Kind])
def test_every_message_is_whole(world: World, kind: str, language: str) -> None:
    world.anna.language = language
    world.anna.save()
    world.on()
    world.at(3, 1)
    run = world.run()
    run.reason, run.amount_minor = "over_ceiling", 500
    say(run, kind, world.clock.now())
    message = message_of(AutoMessage.objects.get(), world.clock.now())
    assert "%(" not in message.text + message.subject
    assert "\n\n\n" not in message.text
    assert world.line.msisdn not in message.text + message.html
    assert f"…{world.line.msisdn[-4:]}" in message.subject
    assert message.text.count("http://") == 1
    assert message.message_id == f"auto.{run.pk}.{kind}.1.email"
    world.work()


def test_every_reason_has_its_sentence() -> None:
    assert reason_text("over_ceiling") == "It would cost more than you allowed."
    assert reason_text("insufficient_funds") == "There is not enough money on this card. Nothing was charged."
    assert reason_text("something new") == "The renewal could not be ordered."
    assert reason_text("") == ""


def bodies(subject: str) -> list[str]:
    return [str(one.body).replace("\xa0", " ") for one in mail.outbox if one.subject.endswith(subject)]


def test_what_was_charged_is_said_and_not_what_was_announced(world: World) -> None:
    world.anna.language = "en"
    world.anna.save()
    world.on()
    world.days(date(2027, 3, 21), date(2027, 3, 23))
    type(world.topup).objects.update(price_minor=400)
    world.days(date(2027, 3, 24), date(2027, 3, 25))
    [body] = bodies(" is renewed")
    assert "€4.00 was charged to Visa …4242; the receipt comes by itself." in body


def test_who_paid_otherwise_is_not_told_that_their_card_was_charged(world: World) -> None:
    world.anna.language = "en"
    world.anna.save()
    world.on()
    world.bank.answers = ["not_confirmed"]
    world.days(date(2027, 3, 21), date(2027, 3, 24))
    payment_begin(order=ProductOrder.objects.get(), provider="cards", now=world.clock.now())
    world.days(date(2027, 3, 25), date(2027, 3, 25))
    [body] = bodies(" is renewed")
    assert "is renewed and €5.00 is paid; the receipt comes by itself." in body
    assert "4242" not in body


def test_above_the_ceiling_both_amounts_are_said(world: World) -> None:
    world.anna.language = "en"
    world.anna.save()
    world.on(ceiling=499)
    world.days(date(2027, 3, 21), date(2027, 3, 22))
    [body] = bodies("renew it by 31 March 2027")
    assert "It would cost €5.00; you allow at most €4.99." in body


def test_a_next_day_that_was_overtaken_is_not_told_any_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.on()
    world.days(date(2027, 3, 21), date(2027, 3, 23))
    world.bank.answers = ["insufficient_funds"]
    with monkeypatch.context() as patched:
        patched.setattr(EmailChannel, "send", away)
        world.days(date(2027, 3, 24), date(2027, 3, 25))
    world.days(date(2027, 3, 26), date(2027, 3, 26))
    told = AutoMessage.objects.order_by("pk").values_list("kind", "state")
    assert list(told) == [("notice", "sent"), ("again", "void"), ("renewed", "sent")]


def away(self: EmailChannel, message: Message) -> None:
    raise Temporary("the SMTP server did not answer")
