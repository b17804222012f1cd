"""What is said, word for word, in each language; and what is never said."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lineaviva import rulebook
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.rules import Stage
from lineaviva.keeper.reminders.texts import Words, words
from lineaviva.kernel.clock import ROME
from lineaviva.rulebook.deadlines import deadlines

LINK = "http://127.0.0.1:8000/r/abc/"
UNTIL = datetime(2026, 11, 24, 9, 0, tzinfo=ROME)
LANGUAGES = ["zh-hans", "zh-hant", "it", "en"]


def said(
    *,
    operator: str = "tim",
    last: date = date(2025, 12, 8),
    today: date = date(2026, 11, 22),
    language: str = "en",
    label: str = "Mamma",
) -> Words:
    """The message of `today` for a line topped up on `last`."""
    line = Line(pk=1, operator=operator, label=label, msisdn="+393471234567", extended_on=last)
    dates = deadlines(operator=rulebook.operator(operator), last_event=last, as_of=today)
    on, kind = dates.next_on, dates.next_kind
    if on is None or kind is None:
        kind, on = dates.ladder[-1]
    stage = Stage(kind, on, (on - today).days)
    return words(line=line, dates=dates, stage=stage, today=today, link=LINK, until=UNTIL, language=language)


EMAILS = {
    "en": (
        "Mamma · TIM …4567: renew by 8 December 2026",
        """Mamma · TIM …4567 works fully until 8 December 2026. That is 16 days from now.

After that day it can only receive calls and messages, until 8 January 2027.

The smallest act that keeps it is a top-up of €4.00.

Renew this line here, without a password, until 24 November 2026, 09:00 (Rome time):
http://127.0.0.1:8000/r/abc/

You get this message because this line is on your list at Lineaviva.
""",
    ),
    "it": (
        "Mamma · TIM …4567: rinnova entro l’8 dicembre 2026",
        """Mamma · TIM …4567 funziona del tutto; l’ultimo giorno è l’8 dicembre 2026. Mancano 16 giorni.

Dopo quel giorno può solo ricevere chiamate e messaggi; l’ultimo giorno è l’8 gennaio 2027.

Il minimo che la tiene in vita è una ricarica di 4,00\xa0€.

Rinnova questa linea da qui, senza password, entro il 24 novembre 2026, ore 09:00 (ora di Roma):
http://127.0.0.1:8000/r/abc/

Ricevi questo messaggio perché questa linea è nel tuo elenco di Lineaviva.
""",
    ),
    "zh-hans": (
        "Mamma · TIM（意大利电信） …4567：请最晚在2026年12月8日续期",
        """Mamma · TIM（意大利电信） …4567：可正常使用至2026年12月8日。还有 16 天。

过了这一天只能接听电话和接收短信，至2027年1月8日为止。

最省的保号办法是充值 €4.00。

请在2026年11月24日 09:00（罗马时间）前打开下面的链接续期，无需密码：
http://127.0.0.1:8000/r/abc/

您收到此消息，是因为这个号码在您的 Lineaviva 列表中。
""",
    ),
    "zh-hant": (
        "Mamma · TIM（義大利電信） …4567：請最晚於2026年12月8日續期",
        """Mamma · TIM（義大利電信） …4567：可正常使用至2026年12月8日。還有 16 天。

過了這一天只能接聽電話與接收簡訊，至2027年1月8日為止。

最省的保號辦法是儲值 €4.00。

請在2026年11月24日 09:00（羅馬時間）前開啟下方連結續期，不需密碼：
http://127.0.0.1:8000/r/abc/

您會收到這則訊息，是因為這個門號在您的 Lineaviva 清單中。
""",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_message(language: str) -> None:
    found = said(language=language)
    assert (found.subject, found.text) == EMAILS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_says_the_same(language: str) -> None:
    found = said(language=language)
    assert f'<html lang="{language}">' in found.html
    assert f'<a href="{LINK}"' in found.html
    for paragraph in found.paragraphs:
        assert f">{paragraph}</p>" in found.html
    assert "<script" not in found.html
    assert "<img" not in found.html


PHASES = {
    "the last day": (
        {"today": date(2026, 12, 8)},
        "Mamma · TIM …4567: today, 8 December 2026, is the last day",
        "Mamma · TIM …4567 works fully until 8 December 2026. That is today.",
    ),
    "one day": (
        {"today": date(2026, 12, 7)},
        "Mamma · TIM …4567: renew by 8 December 2026",
        "Mamma · TIM …4567 works fully until 8 December 2026. That is 1 day from now.",
    ),
    "receive only": (
        {"today": date(2026, 12, 20)},
        "Mamma · TIM …4567: renew by 8 January 2027",
        "Mamma · TIM …4567 can now only receive, until 8 January 2027. That is 19 days from now.",
    ),
    "off": (
        {"today": date(2027, 2, 1)},
        "Mamma · TIM …4567: switched off, number kept until 8 December 2027",
        "Mamma · TIM …4567 is switched off; its number is kept until 8 December 2027. That is 310 days from now.",
    ),
    "without a label": (
        {"label": ""},
        "TIM …4567: renew by 8 December 2026",
        "TIM …4567 works fully until 8 December 2026. That is 16 days from now.",
    ),
}


@pytest.mark.parametrize("phase", PHASES)
def test_how_the_line_stands(phase: str) -> None:
    facts, subject, first = PHASES[phase]
    found = said(**facts)  # type: ignore[arg-type]
    assert (found.subject, found.paragraphs[0]) == (subject, first)


def test_once_it_is_off_no_topup_is_advised() -> None:
    found = said(today=date(2027, 2, 1))
    assert found.paragraphs[1:] == [
        "After that day the number is lost for good.",
        "A top-up does not bring it back; only TIM can. Go to its shop with the SIM and an identity document, or call.",
    ]
    assert "See here what can be done, without a password" in found.text
    assert "Renew" not in found.html


def test_sources_that_disagree_are_named_as_such() -> None:
    assert "Sources disagree about this date; this is the earliest." in said(operator="vodafone").paragraphs
    assert "Sources disagree about this date; this is the earliest." not in said(operator="tim").paragraphs


@pytest.mark.parametrize("operator", [operator.slug for operator in rulebook.operators()])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operator_in_every_language(operator: str, language: str) -> None:
    last = date(2025, 12, 8)
    dates = deadlines(operator=rulebook.operator(operator), last_event=last, as_of=last)
    amount = rulebook.operator(operator).smallest_extending_topup
    for _, on in dates.ladder:
        for today in (on, on.replace(day=1)):
            if today < last:
                continue
            found = said(operator=operator, language=language, last=last, today=today)
            assert "%(" not in found.text
            assert "3471234567" not in found.text + found.subject + found.html
            assert "…4567" in found.subject
            assert any(str(year) in found.subject for year in range(2025, 2032))
            state = deadlines(operator=rulebook.operator(operator), last_event=last, as_of=today).state
            if amount and state in {"full_service", "receive_only"}:
                assert amount.format(language) in found.text


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    without = [
        operator.slug
        for operator in rulebook.operators()
        if operator.smallest_extending_topup is None
        and deadlines(operator=operator, last_event=date(2025, 12, 8), as_of=date(2025, 12, 9)).ladder
    ]
    for operator in without:
        text = said(operator=operator, today=date(2025, 12, 9)).text
        assert "Which top-up is enough to keep it is not known" in text


def test_after_the_last_known_date() -> None:
    line = Line(pk=1, operator="tim", label="", msisdn="+393471234567")
    dates = deadlines(operator=rulebook.operator("tim"), last_event=date(2025, 12, 8), as_of=date(2027, 1, 10))
    found = words(
        line=line,
        dates=dates,
        stage=Stage("off", date(2027, 1, 8), -2),
        today=date(2027, 1, 10),
        link=LINK,
        until=UNTIL,
        language="en",
    )
    assert found.subject == "TIM …4567: the last day was 8 January 2027, renew now"
    assert found.paragraphs[:2] == [
        "The last day that is known of TIM …4567 was 8 January 2027.",
        "How long the line can still be saved is not known, so renew it today.",
    ]


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (1, "entro il 1º dicembre 2026"),
        (8, "entro l’8 dicembre 2026"),
        (11, "entro l’11 dicembre 2026"),
        (12, "entro il 12 dicembre 2026"),
    ],
)
def test_italian_articles(day: int, text: str) -> None:
    assert said(language="it", last=date(2025, 12, day)).subject == f"Mamma · TIM …4567: rinnova {text}"


def test_a_label_is_text_and_nothing_else() -> None:
    found = said(label="<b>Mamma</b> & {{ x }}")
    assert "&lt;b&gt;Mamma&lt;/b&gt; &amp; {{ x }}" in found.html
    assert "<b>" not in found.html
