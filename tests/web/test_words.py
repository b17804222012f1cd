"""Refusals and reasons in the reader's language, never the program's own English to somebody who reads another."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from datetime import date

import pytest
from django.utils.translation import override

from lineaviva import rulebook
from lineaviva.keeper.web import offers, phases, reasons, words
from lineaviva.keeper.web.templatetags.reasons import site
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotFound
from lineaviva.rulebook.deadlines import deadlines
from lineaviva.rulebook.facts import Source
from lineaviva.rulebook.reasons import TEMPLATES, Reason
from tests.web.conftest import LANGUAGES

STEPS = ("catalogue", "orders", "payments", "activation", "delivery", "receipts")


def refusals() -> Iterator[tuple[str, LineavivaError]]:
    """Every refusal that a step's errors.py makes without being told details."""
    for step in STEPS:
        module = importlib.import_module(f"lineaviva.keeper.{step}.errors")
        for name, make in inspect.getmembers(module, inspect.isfunction):
            if make.__module__ == module.__name__ and not inspect.signature(make).parameters:
                made = make()
                if isinstance(made, LineavivaError):
                    yield f"{step}.{name}", made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_of_a_step_is_said_in_the_readers_language(language: str) -> None:
    found = dict(refusals())
    assert len(found) > 15
    with override(language):
        left = [name for name, error in found.items() if is_english(words.sentence(error)) is not (language == "en")]
    assert [name for name in left if "webhook" not in name] == []  # programs read those


def is_english(text: str) -> bool:
    return bool(re.search(r"\b(the|is|was|of|this|any|only|cannot|be|already)\b", text, re.I)) and text.isascii()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_has_its_translation(language: str) -> None:
    with override("en"):
        english = {code: str(text) for code, text in words.SENTENCES.items()}
    with override(language):
        same = [code for code, text in words.SENTENCES.items() if str(text) == english[code]]
    assert same == (list(english) if language == "en" else [])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(InvalidInput("'12' is no number.", code="msisdn_invalid"), "Non è un numero mobile", id="by code"),
        pytest.param(Conflict("Inner words.", code="of nobody"), "nel frattempo qualcosa è cambiato", id="by status"),
        pytest.param(NotFound("Inner words.", code="of nobody"), "Qui non c’è nulla, o non è per te.", id="not found"),
        pytest.param(InvalidInput("Inner words.", code="x", status=418), "non funziona", id="of no known status"),
    ],
)
def test_a_sentence_is_found(error: LineavivaError, sentence: str) -> None:
    with override("it"):
        assert sentence in words.sentence(error)
        assert "Inner words" not in words.sentence(error)


# --- reasons ------------------------------------------------------------------------------------------------------


def test_every_reason_of_the_rulebook_has_a_sentence_with_its_facts() -> None:
    assert set(reasons.SENTENCES) == set(TEMPLATES)
    for code, template in TEMPLATES.items():
        wanted = set(re.findall(r"\{(\w+)\}", template))
        said = set(re.findall(r"%\((\w+)\)s", str(reasons.SENTENCES[code])))
        assert said <= wanted, code
        assert wanted - said <= {"operator"}, code  # a line's page names its operator anyway


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "TIM gives full service for 12 months: until Fri 4 Dec 2026."),
        ("it", "TIM dà servizio completo per 12 mesi: fino a ven 4 dic 2026."),
        ("zh-hans", "TIM 可正常使用 12 个月，至 2026年12月4日周五。"),
        ("zh-hant", "TIM 可正常使用 12 個月，至 2026年12月4日 週五。"),
    ],
)
def test_a_reason_is_said_with_days_as_people_write_them(language: str, sentence: str) -> None:
    reason = Reason("full_service", operator="TIM", months=12, on=date(2026, 12, 4))
    with override(language):
        assert reasons.say(reason) == sentence


def test_days_inside_a_text_are_written_out_too() -> None:
    with override("en"):
        said = reasons.say(Reason("sources_disagree", on="2027-01-04, 2027-03-04"))
    assert said.endswith("others say Mon 4 Jan 2027, Thu 4 Mar 2027.")


@pytest.mark.parametrize(
    ("known", "said"),
    [("undated", "senza data"), ("~2009", "circa 2009"), ("2026-03-04", "4 mar 2026"), ("2024-04", "2024-04")],
)
def test_a_source_bears_its_date_as_far_as_it_is_known(known: str, said: str) -> None:
    source = Source(id="x", url="https://www.tim.it/a", date=known, kind="official", confidence="high")
    with override("it"):
        assert reasons.say_date(source) == said
        assert reasons.say_kind(source) == "ufficiale"
    assert site(source) == "tim.it"


def test_a_reason_that_pages_do_not_know_yet_is_said_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(reasons.SENTENCES, "no_event")  # type: ignore[arg-type]
    assert reasons.say(Reason("no_event", operator="TIM")).startswith("No event that extends this TIM line")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", [one.slug for one in rulebook.operators()])
def test_every_operators_dates_can_be_said(slug: str, language: str) -> None:
    operator = rulebook.operator(slug)
    with override(language):
        for last in (None, date(2026, 10, 1), date(2025, 9, 1), date(2020, 2, 29)):
            dates = deadlines(operator=operator, last_event=last, as_of=date(2026, 11, 22))
            assert all(reasons.say(reason) for reason in dates.why)
            assert all(reasons.say_other(dispute) for dispute in dates.disputed)
            assert all(reasons.say_kind(source) for source in dates.sources)
            assert all(reasons.say_date(source) for source in dates.sources)
            found = phases.phases_of(dates)
            assert [bool(phase.title) for phase in found] == [True] * 3
            assert all(phase.on or (phase.why_not and reasons.say(phase.why_not)) for phase in found)


# --- what is in an offer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "china", "said"),
    [
        ("en", None, "not known"),
        ("en", False, "not included"),
        ("en", True, "included"),
        ("en", {"en": "100 minutes", "zh-hans": "100 分钟"}, "100 minutes"),
        ("zh-hans", {"en": "100 minutes", "zh-hans": "100 分钟"}, "100 分钟"),
        ("it", {"en": "100 minutes"}, "100 minutes"),
        ("it", {}, "non incluse"),
        ("it", "100 minuti", "100 minuti"),
    ],
)
def test_calls_to_china(language: str, china: object, said: str) -> None:
    with override(language):
        assert offers.contents({"calls_to_china": china})[3][1] == said


def test_nothing_known_is_shown_as_not_known() -> None:
    with override("en"):
        assert [value for _name, value in offers.contents({})] == ["not known"] * 5
