"""The e-mail with the way to install a profile, in four languages, word by word where it matters."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from html import unescape
from typing import Any

import pytest
from django.core import mail as outbox
from django.utils.translation import override

from lineaviva import rulebook
from lineaviva.keeper.accounts.actions import language_set
from lineaviva.keeper.accounts.models import Language
from lineaviva.keeper.delivery import texts
from lineaviva.keeper.delivery.actions import delivery_replace, delivery_say_installed
from lineaviva.keeper.delivery.install import qr_png
from lineaviva.keeper.delivery.links import install_link_read
from lineaviva.keeper.delivery.mail import QR_NAME, message
from lineaviva.keeper.delivery.models import Delivery, DeliveryMail
from lineaviva.keeper.delivery.queries import activation_code, deliveries
from lineaviva.keeper.delivery.sealing import seal
from lineaviva.kernel import agenda
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.clock import FrozenClock
from lineaviva.rulebook import Redownload
from tests.keeper.delivery.conftest import Way

LANGUAGES = ["en", "it", "zh-hans", "zh-hant"]
NUMBER = "+393471234567"


@pytest.fixture
def ready(way: Way) -> Delivery:
    """Anna's TIM eSIM "Mamma", its plan paid, its profile ready."""
    return delivered(way)


def delivered(way: Way, language: str = "en", **facts: Any) -> Delivery:
    line = way.esim(label="Mamma", msisdn=NUMBER)
    language_set(user=line.holder, language=language)
    made = way.released(line=line, **facts)
    return deliveries().get(pk=made.pk)


def mail_of(delivery: Delivery, kind: str = "ready") -> DeliveryMail:
    found = DeliveryMail.objects.filter(delivery=delivery, kind=kind).last()
    if found is None:
        found = DeliveryMail.objects.create(
            delivery=delivery, kind=kind, to="anna@example.org", created_at=delivery.created_at
        )
    found.delivery = deliveries().get(pk=delivery.pk)
    return found


def code_of(delivery: Delivery) -> ActivationCode:
    code = activation_code(delivery)
    assert code is not None
    return code


def as_text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


# --- the whole message --------------------------------------------------------------------------------------------


def test_all_of_it_in_english(ready: Delivery, settings: Any) -> None:
    settings.PUBLIC_URL = "https://keeper.example.com"
    mail, code = mail_of(ready), code_of(ready)
    said = message(mail)
    link = re.search(r"https://keeper\.example\.com/e/\S+/", said.text)
    assert link is not None
    assert said.subject == "Mamma · TIM …4567: your eSIM is ready to be installed"
    assert said.text == (
        "The eSIM of Mamma · TIM …4567 is ready.\n\n"
        "The new plan begins when it is installed, 24 hours after the payment at the latest.\n\n"
        "Open this on the phone that is to have the line:\n"
        f"{link.group()}\n"
        "The link needs no password, until 6 December 2026 12:00 (Rome time).\n\n"
        "1. Connect the phone to Wi-Fi.\n"
        "2. Open the link and follow it; the phone asks before it adds the eSIM.\n"
        "3. Then switch the line on in the phone's settings: installing alone does not do it.\n"
        "4. Do not delete an older eSIM of this line before the new one works.\n\n"
        "Or scan the attached QR code, or type this in where the phone adds an eSIM:\n"
        f"SM-DP+ address\nsmdp.example.com\nActivation code\n{code.matching_id}\nBoth in one\n{code}\n\n"
        "As far as is known, TIM sets no limit on how often a code is used.\n\n"
        "Whoever has this message can install your number: do not pass it on.\n\n"
        "You get this message because this line is on your list at Lineaviva.\n"
    )
    assert (said.to, said.language) == ("anna@example.org", "en")
    assert said.message_id == f"esim-{mail.pk}-{ready.code.lower()}"
    assert said.attachments == [(QR_NAME, "image/png", qr_png(code))]


def test_the_link_opens_this_profile_for_its_holder_for_two_weeks(ready: Delivery, clock: FrozenClock) -> None:
    said = message(mail_of(ready))
    (token,) = re.findall(r"/e/(\S+)/", said.text)
    fortnight = timedelta(days=14)
    assert install_link_read(token, clock.now() + fortnight - timedelta(seconds=1)) == (ready.pk, ready.line.holder_id)
    with pytest.raises(Exception, match="14 days"):
        install_link_read(token, clock.now() + fortnight)


def test_sent_again_after_a_crash_it_is_the_same(ready: Delivery, clock: FrozenClock) -> None:
    first = message(mail_of(ready))
    clock.advance(timedelta(hours=3))
    assert message(mail_of(ready)) == first


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_the_same_in_both_of_its_forms(way: Way, language: str) -> None:
    said = message(mail_of(delivered(way, language)))
    html = as_text(said.html)
    link = re.search(r'href="([^"]+)"', said.html)
    assert link is not None
    assert link.group(1) in said.text
    for part in said.text.split("\n"):
        sentence = re.sub(r"^\d\. ", "", part)
        if sentence and not sentence.startswith("http"):
            assert sentence in html, sentence
    assert f'<html lang="{language}">' in said.html
    assert said.html.index("href=") < said.html.index("<ol") < said.html.index("<dl")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["ready", "reminder"])
def test_no_text_is_left_in_english_and_no_placeholder_unfilled(way: Way, language: str, kind: str) -> None:
    delivery = delivered(way, language)
    Delivery.objects.filter(pk=delivery.pk).update(expires_at=way.now + timedelta(days=30))
    said = message(mail_of(delivery, kind))
    assert "%(" not in said.text + said.html + said.subject
    if language != "en":
        english = message_in(mail_of(delivery, kind), "en")
        own = {line for line in said.text.split("\n") if line}
        shared = own & set(english.split("\n"))
        assert all("://" in line or line in str(code_of(delivery)) for line in shared), shared


def message_in(mail: DeliveryMail, language: str) -> str:
    mail.delivery.line.holder.language = language
    return message(mail).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["ready", "reminder"])
def test_the_number_is_never_whole(way: Way, language: str, kind: str) -> None:
    delivery = delivered(way, language)
    said = message(mail_of(delivery, kind))
    for text in (said.text, said.html, said.subject, said.message_id):
        digits = re.sub(r"[\s .()-]", "", text)
        assert "3471234567" not in digits
        assert delivery.iccid not in digits
    assert "…4567" in said.subject


# --- what depends on the profile ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "subject", "first"),
    [
        ("en", "Mamma · TIM …4567: your eSIM is ready to be installed", "The eSIM of Mamma · TIM …4567 is ready."),
        ("it", "Mamma · TIM …4567: la tua eSIM è pronta da installare", "La eSIM di Mamma · TIM …4567 è pronta."),
        (
            "zh-hans",
            "Mamma · TIM（意大利电信） …4567：eSIM 可以安装了",
            "Mamma · TIM（意大利电信） …4567 的 eSIM 已备好。",
        ),
        (
            "zh-hant",
            "Mamma · TIM（義大利電信） …4567：eSIM 可以安裝了",
            "Mamma · TIM（義大利電信） …4567 的 eSIM 已備妥。",
        ),
    ],
)
def test_it_begins_with_what_it_is_about(way: Way, language: str, subject: str, first: str) -> None:
    said = message(mail_of(delivered(way, language)))
    assert (said.subject, said.text.split("\n")[0]) == (subject, first)


@pytest.mark.parametrize(
    ("language", "hours", "sentence"),
    [
        ("en", 1, "The new plan begins when it is installed, 1 hour after the payment at the latest."),
        ("it", 1, "La nuova offerta comincia quando è installata, al più tardi 1 ora dopo il pagamento."),
        ("it", 24, "La nuova offerta comincia quando è installata, al più tardi 24 ore dopo il pagamento."),
        ("zh-hans", 24, "安装后新套餐即开始，最迟不超过付款后 24 小时。"),
        ("zh-hant", 24, "安裝後新方案即開始，最遲不超過付款後 24 小時。"),
    ],
)
def test_that_a_plan_waits_is_said(way: Way, settings: Any, language: str, hours: int, sentence: str) -> None:
    settings.ESIM_WAIT_HOURS = hours
    assert sentence in message(mail_of(delivered(way, language))).text


def test_that_a_plan_waits_is_not_said_when_it_does_not(way: Way) -> None:
    delivery = delivered(way)
    way.after(hours=25)  # nobody installed it
    assert "The new plan" not in message(mail_of(delivery)).text


def test_credit_does_not_wait_and_nothing_is_said(way: Way) -> None:
    assert "The new plan" not in message(mail_of(delivered(way, kind="topup"))).text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("replacement", "A new eSIM for Mamma · TIM …4567 is ready. It takes the place of the one before."),
        (
            "transfer",
            "The eSIM of Mamma · TIM …4567 for another phone is ready. The old one works until this is installed.",
        ),
    ],
)
def test_one_in_the_place_of_another_says_so(way: Way, reason: str, sentence: str) -> None:
    delivery = delivered(way)
    delivery_say_installed(delivery=delivery, by=delivery.line.holder, now=way.now)
    made = delivery_replace(delivery=delivery, reason=reason, by=delivery.line.holder, now=way.now)
    way.look()
    assert message(mail_of(made)).text.split("\n")[0] == sentence


def test_a_reminder_says_since_when_it_waits(way: Way) -> None:
    delivery = delivered(way, "it")
    said = message(mail_of(delivery, "reminder"))
    assert said.subject == "Mamma · TIM …4567: la eSIM non è ancora installata"
    assert said.text.split("\n\n")[0] == (
        "La eSIM di Mamma · TIM …4567 è pronta dal giorno 22 novembre 2026, e nessun telefono l’ha ancora."
    )
    assert "Si può installare" not in said.text


def test_a_reminder_says_until_when_where_that_is_known(way: Way) -> None:
    delivery = delivered(way)
    # The last minute of 21 December in Rome.
    Delivery.objects.filter(pk=delivery.pk).update(expires_at=way.now + timedelta(days=29, hours=11, minutes=59))
    said = message(mail_of(delivery, "reminder"))
    assert said.text.split("\n\n")[1] == "It can be installed until 21 December 2026."


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (None, "Take the code as good for one installation: an eSIM that is deleted may not come back."),
        (1, "Take the code as good for one installation: an eSIM that is deleted may not come back."),
        (6, "As far as is known, TIM lets a code be used 6 times at most."),
        (100, "As far as is known, TIM lets a code be used 100 times at most."),
        (-1, "As far as is known, TIM sets no limit on how often a code is used."),
    ],
)
def test_how_often_a_code_can_be_used(
    ready: Delivery, monkeypatch: pytest.MonkeyPatch, times: int | None, sentence: str
) -> None:
    rule = None if times is None else Redownload(text="so often", times=times, sources=())
    monkeypatch.setattr(rulebook, "redownload", lambda _operator: rule)
    text = message(mail_of(ready)).text
    assert sentence in text.split("\n\n")
    assert sum(part.startswith(("Take the code", "As far as")) for part in text.split("\n\n")) == 1


def test_an_operator_of_whom_nothing_is_known_is_taken_as_once(way: Way) -> None:
    line = way.esim(operator="vodafone")
    delivery = way.released(line=line)
    language_set(user=line.holder, language="it")
    said = message(mail_of(delivery))
    assert (
        "Considera il codice valido per una sola installazione: una eSIM eliminata potrebbe non tornare." in said.text
    )


def test_a_confirmation_code_is_announced(ready: Delivery) -> None:
    ready.sealed_code = seal("LPA:1$smdp.example.com$AB-12$$1", f"activation code:{ready.code}")
    ready.save()
    said = message(mail_of(ready))
    assert "The phone also asks for a confirmation code; TIM gives it to you." in said.text
    assert "Both in one\nLPA:1$smdp.example.com$AB-12$$1\n" in said.text


def test_without_a_code_there_is_only_the_link(ready: Delivery) -> None:
    """Installed since, or sealed under a key that is gone: the page knows what to do."""
    Delivery.objects.filter(pk=ready.pk).update(sealed_code=b"")
    said = message(mail_of(ready))
    assert said.attachments == []
    assert ("SM-DP+" in said.text, "1. " in said.text, "LPA:" in said.html, "<dl" in said.html) == (False,) * 4
    assert re.findall(r"/e/\S+/", said.text)


def test_a_line_without_a_label_and_one_with_a_hostile_one(way: Way) -> None:
    plain = way.released(line=way.esim(msisdn="+393471234568"))
    language_set(user=plain.line.holder, language="en")
    assert message(mail_of(plain)).subject == "TIM …4568: your eSIM is ready to be installed"
    hostile = way.released(line=way.esim(label="<b>100%(line)s", msisdn="+393471234569"))
    said = message(mail_of(hostile))
    assert said.text.split("\n")[0] == "The eSIM of <b>100%(line)s · TIM …4569 is ready."
    assert "<b>100" not in said.html
    assert "&lt;b&gt;100%(line)s" in said.html


# --- on its way -----------------------------------------------------------------------------------------------------


def test_the_worker_sends_it_with_its_picture(ready: Delivery, clock: FrozenClock) -> None:
    agenda.run_due(clock.now())
    (sent,) = [one for one in outbox.outbox if one.subject.endswith("is ready to be installed")]
    parsed = message_from_bytes(sent.message().as_bytes())
    assert sent.to == ["anna@example.org"]
    assert parsed["Content-Language"] == "en"
    pictures = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in pictures] == [
        (QR_NAME, qr_png(code_of(ready)))
    ]
    assert DeliveryMail.objects.get(delivery=ready).state == "sent"


def test_words_never_show_the_code_in_a_repr(ready: Delivery) -> None:
    with override("en"):
        shown = repr(texts.words(mail_of(ready), code_of(ready), "en"))
    assert code_of(ready).matching_id not in shown


def test_every_language_of_ours_is_tested_here() -> None:
    assert sorted(LANGUAGES) == sorted(Language.values)
