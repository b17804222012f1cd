"""Every mistake in a rulebook file is named by file and line, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from lineaviva.rulebook import checking
from lineaviva.rulebook.book import LEGAL, OPERATORS, RulebookBroken
from lineaviva.rulebook.checking import Mistake, checked, read
from lineaviva.rulebook.facts import confidence_allowed
from tests.rulebook.conftest import Changed

TODAY = date(2026, 11, 22)
Change = Callable[..., Changed]


def only(path: Path) -> Mistake:
    """The one mistake that the file has."""
    mistakes = checking.check([path], today=TODAY)
    assert len(mistakes) == 1, [str(mistake) for mistake in mistakes]
    assert mistakes[0].file == str(path)
    return mistakes[0]


@pytest.mark.parametrize("path", [*sorted(OPERATORS.glob("*.toml")), LEGAL], ids=lambda path: path.stem)
def test_the_files_of_the_book_have_no_mistake(path: Path) -> None:
    assert [str(mistake) for mistake in checking.check([path], today=TODAY)] == []


@pytest.mark.parametrize("name", ["operator", "legal"])
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(checking.schema(name))


@pytest.mark.parametrize(
    ("old", "new", "piece", "nth", "sentence"),
    [
        pytest.param(
            "months = 12\n",
            'months = "twelve"\n',
            'months = "twelve"',
            1,
            'validity.full_service[1].months is "twelve"; it must be a whole number of months from 1 to 120',
            id="text for a number",
        ),
        pytest.param(
            "months = 11\n",
            "months = 0\n",
            "months = 0",
            1,
            "validity.full_service[2].months is 0; it must be a whole number of months from 1 to 120",
            id="zero months",
        ),
        pytest.param(
            "[[validity.receive_only]]\nmonths = 13\n",
            "[[validity.receive_only]]\nmoths = 13\n",
            "moths",
            1,
            'validity.receive_only[1].moths is not a key that is known here; perhaps "months"',
            id="misspelt key",
        ),
        pytest.param(
            'amount = "10.00"\n',
            "amount = 10.0\n",
            "amount = 10.0",
            1,
            'esim.price[1].amount is 10.0; it must be euros with two decimals in quotes, like "5.00"',
            id="a float for money",
        ),
        pytest.param(
            'price = "2.00"',
            'price = "2"',
            'price = "2"',
            1,
            'plans.offers[2].price is "2"; it must be euros with two decimals in quotes, like "3.99", or "unknown"',
            id="money without cents",
        ),
        pytest.param(
            'kind = "option"',
            'kind = "addon"',
            'kind = "addon"',
            1,
            'plans.offers[4].kind is "addon"; it must be one of "base_tariff", "plan", "option"',
            id="unknown kind of offer",
        ),
        pytest.param(
            'from_sim = { unknown = "price and online way from a SIM card to an eSIM were not found" }',
            "from_sim = false",
            "from_sim = false",
            1,
            'esim.from_sim is false; it must be a list of entries with their sources, or "unknown"',
            id="false for unknown",
        ),
        pytest.param(
            'limits = "unknown"',
            "limits = []",
            "limits = []",
            1,
            'topup.limits is []; it must be at least one entry, or "unknown"',
            id="an empty list for unknown",
        ),
        pytest.param(
            'limits = "unknown"',
            'limits = { unknown = "" }',
            "limits = {",
            1,
            'topup.limits.unknown is ""; it must be the reason why it is not known',
            id="unknown for an empty reason",
        ),
        pytest.param(
            'colour = "#1f4e9e"',
            'colour = "blue"',
            "colour",
            1,
            'colour is "blue"; it must be a colour like #1f4e9e',
            id="colour by name",
        ),
        pytest.param(
            'url = "https://www.tim.it/assist',
            'url = "www.tim.it/assist',
            'url = "www.tim.it/assist',
            1,
            "sources.tim-riattivare.url is "
            '"www.tim.it/assistenza/per-la-tua-linea/riattivare-una-sim"; it must be an address that starts with '
            "http:// or https://",
            id="address without https",
        ),
        pytest.param(
            'date = "2024-04-23"',
            'date = "23.4.2024"',
            "23.4.2024",
            1,
            'sources.money-2024.date is "23.4.2024"; it must be the date of the page (2024-04-23, 2024-04 or 2024), '
            'the same with ~ where it is inferred, ~2008/2010, or "undated"',
            id="date in another order",
        ),
        pytest.param(
            'date = "2024-04-23"',
            'date = "2024-04-31"',
            "2024-04-31",
            1,
            'sources.money-2024.date is "2024-04-31", which is not a day of the calendar',
            id="31 April",
        ),
        pytest.param(
            'date = "2024-04-23"',
            'date = "2026-12"',
            '"2026-12"',
            1,
            'sources.money-2024.date is "2026-12", which is after the facts were collected (2026-11-22)',
            id="page from the future",
        ),
        pytest.param(
            "collected_on = 2026-11-22",
            "collected_on = 2026-11-23",
            "collected_on",
            1,
            "collected_on is 2026-11-23, which has not come yet",
            id="collected tomorrow",
        ),
        pytest.param(
            "collected_on = 2026-11-22",
            'collected_on = "2026-02-30"',
            "collected_on",
            1,
            "collected_on is not a day of the calendar",
            id="collected on 30 February",
        ),
        pytest.param(
            'date = "2024-04-23"\nkind = "press"\nconfidence = "medium"',
            'date = "2024-04-23"\nkind = "press"\nconfidence = "high"',
            'confidence = "high"',
            1,
            'sources.money-2024.confidence is "high", but a page of kind press dated 2024-04-23 '
            'can be "medium" at most',
            id="press cannot be high",
        ),
        pytest.param(
            'sources = ["tecnoandroid-2024"]',
            'sources = ["tecnoandroid-2024", "hearsay"]',
            "hearsay",
            1,
            'network[1].sources[2] names the source "hearsay", but there is no [sources.hearsay]',
            id="source that is not there",
        ),
        pytest.param(
            'sources = ["tecnoandroid-2024"]',
            "sources = []",
            "sources = []",
            1,
            "network[1].sources is []; it must be a list with at least one id of a [sources.…] table",
            id="fact without a source",
        ),
        pytest.param(
            'text = "own network"\nsources = ["tecnoandroid-2024"]',
            'text = "own network"',
            "[[network]]",
            1,
            'network[1] lacks "sources"',
            id="fact that forgot its source",
        ),
        pytest.param(
            "[sources.money-2024]",
            "[sources.Money]",
            "[sources.Money]",
            1,
            "sources.Money must be named with lower-case letters, digits and dashes",
            id="source named in capitals",
        ),
        pytest.param(
            'slug = "tim"',
            'slug = "tin"',
            'slug = "tin"',
            1,
            'slug is "tin", but the file is tim.toml',
            id="slug of another file",
        ),
        pytest.param(
            "[[validity.number_kept]]\nmonths = 24\n",
            "[[validity.number_kept]]\nmonths = 12\n",
            "months = 12",
            3,
            "validity.number_kept[1].months is 12, so that this phase ends before receive_only does",
            id="months that do not ascend",
        ),
        pytest.param(
            "[[validity.number_kept]]\nmonths = 24\n",
            "[[validity.number_kept]]\n",
            "[[validity.number_kept]]",
            1,
            "validity.number_kept[1] must have exactly one of months, no_such_phase and no_limit_stated",
            id="period without an answer",
        ),
        pytest.param(
            "[[validity.number_kept]]\nmonths = 24\n",
            "[[validity.number_kept]]\nno_such_phase = true\n",
            "no_such_phase",
            1,
            "validity.number_kept[1].no_such_phase can only be said of receive_only",
            id="phase that cannot be missing",
        ),
        pytest.param(
            "[[validity.receive_only]]\nmonths = 13\n",
            "[[validity.receive_only]]\nno_limit_stated = true\n",
            "no_limit_stated",
            1,
            "validity.receive_only[1].no_limit_stated can only be said of number_kept",
            id="limit that must be stated",
        ),
        pytest.param(
            "[[validity.number_kept]]\nmonths = 24\n",
            '[[validity.number_kept]]\nmonths = 24\nset_aside = "no"\n',
            "[[validity.number_kept]]",
            1,
            'validity.number_kept has every candidate set aside, so none warns; write "unknown" if so',
            id="nothing left to warn",
        ),
        pytest.param(
            'activation = { answer = "yes", sources = ["agenziadigitale", "chetariffa", "money-2024"] }',
            'activation = { answer = "no", sources = [] }',
            "activation = {",
            1,
            'validity.extends.activation says "no" without a source',
            id="verdict without a source",
        ),
        pytest.param(
            'any_amount = true\namount = "5.00"\n',
            "any_amount = false\n",
            "[[validity.smallest_topup]]",
            1,
            "validity.smallest_topup[1] must name an amount where not every amount extends",
            id="smallest of nothing",
        ),
        pytest.param(
            'amounts = ["4.00", "6.00"]',
            'from = "4.00"',
            "[[topup.denominations]]",
            3,
            "topup.denominations[3] must have either amounts, or from, to and step",
            id="range without an end",
        ),
        pytest.param(
            'amounts = ["4.00", "6.00"]',
            'from = "6.00"\nto = "4.00"\nstep = "1.00"',
            "from =",
            1,
            "topup.denominations[3].from must be below to",
            id="range upside down",
        ),
        pytest.param(
            'credit = ["4.00", "9.00"]',
            'credit = ["4.00"]',
            "credit =",
            1,
            "topup.denominations[4].credit must have one entry for each of amounts",
            id="credit for some amounts",
        ),
        pytest.param(
            'id = "tim-no-offer"',
            'id = "tim-base19"',
            'id = "tim-base19"',
            2,
            'plans.offers[3].id "tim-base19" is used twice',
            id="two offers of one name",
        ),
        pytest.param(
            'id = "tim-base-fee"',
            'id = "tim-day-pass-abroad"',
            'id = "tim-day-pass-abroad"',
            2,
            'risks.warnings[2].id "tim-day-pass-abroad" is used twice',
            id="two risks of one name",
        ),
        pytest.param(
            'limits = "unknown"\n',
            "",
            "[topup]",
            1,
            'topup lacks "limits"',
            id="fact that was left out",
        ),
        pytest.param(
            "months = 12\n",
            "months = \n",
            "months = \n".rstrip(),
            1,
            "the file is not TOML: Invalid value",
            id="not TOML",
        ),
        pytest.param(
            "months = 12\n",
            "months = 12\nmonths = 13\n",
            "months = 13",
            1,
            "the file is not TOML: Cannot overwrite a value",
            id="key twice",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_line(
    changed: Change, old: str, new: str, piece: str, nth: int, sentence: str
) -> None:
    file = changed(old, new)
    assert str(only(file.path)) == f"{file.path}:{file.line_of(piece, nth)}: {sentence}."


def test_a_misspelt_section_is_also_missing_by_its_own_name(changed: Change) -> None:
    file = changed("[credit]", "[credits]", slug="iliad")
    said = [str(mistake) for mistake in checking.check([file.path], today=TODAY)]
    assert said == [
        f'{file.path}:1: the file lacks "credit".',
        f'{file.path}:{file.line_of("[credits]")}: credits is not a key that is known here; perhaps "credit".',
    ]


def test_all_mistakes_of_a_file_come_in_the_order_of_its_lines(changed: Change) -> None:
    file = changed("months = 12\n", "months = -1\n")
    text = file.text.replace('answer = "yes", sources = ["tim-int', 'answer = "perhaps", sources = ["tim-int')
    file.path.write_text(text, encoding="utf-8")
    lines = [mistake.line for mistake in checking.check([file.path], today=TODAY)]
    assert lines == sorted(lines)
    assert len(lines) == 2


def test_without_a_day_nothing_depends_on_the_day(changed: Change) -> None:
    file = changed("collected_on = 2026-11-22", "collected_on = 2026-12-31")
    assert read(file.path)[1] == []
    assert [mistake.key for mistake in read(file.path, today=TODAY)[1]] == ["collected_on"]


def test_a_date_in_quotes_is_as_good(changed: Change) -> None:
    file = changed("collected_on = 2026-11-22", 'collected_on = "2026-11-22"')
    assert checking.check([file.path], today=TODAY) == []


def test_a_file_with_a_mistake_does_not_load(changed: Change) -> None:
    file = changed("months = 12\n", "months = 200\n")
    with pytest.raises(RulebookBroken) as refusal:
        checked(file.path)
    assert refusal.value.message.startswith(f"{file.path}:{file.line_of('months = 200')}: validity.full_service[1]")
    assert (refusal.value.code, refusal.value.status) == ("rulebook_broken", 500)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", 'the file lacks "channels".'),
        (b"\xff\xfe", "the file is not UTF-8 text."),
        (b"[", "the file is not TOML: "),
        (b'name = "never closed', "the file is not TOML: "),
    ],
    ids=["empty", "binary", "header", "string"],
)
def test_a_file_that_is_no_rulebook_file(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "new.toml"
    path.write_bytes(content)
    first = checking.check([path], today=TODAY)[0]
    assert str(first).startswith(f"{path}:1: {sentence}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    assert [str(mistake) for mistake in checking.check([path], today=TODAY)] == [
        f"{path}:1: the file cannot be read (No such file or directory)."
    ]


@pytest.mark.parametrize(
    ("kind", "page_date", "expected"),
    [
        ("official", "2024-05-01", "high"),
        ("official", "2022", "high"),
        ("official", "2021-12-31", "low"),
        ("official", "undated", "medium"),
        ("press", "2025-02-11", "medium"),
        ("press", "~2022-11", "medium"),
        ("press", "2021-03-20", "low"),
        ("press", "~2008/2010", "low"),
        ("press", "undated", "low"),
        ("blog", "2026-01-01", "low"),
        ("forum", "2026-01-01", "low"),
    ],
)
def test_how_far_a_source_can_be_trusted(kind: str, page_date: str, expected: str) -> None:
    assert confidence_allowed(kind, page_date, TODAY) == expected


def test_a_mistake_in_the_law_is_named_too(tmp_path: Path) -> None:
    text = LEGAL.read_text(encoding="utf-8").replace("months = 24\n", "months = 24.5\n", 1)
    path = tmp_path / "legal.toml"
    path.write_text(text, encoding="utf-8")
    line = text.split("\n").index("months = 24.5") + 1
    assert (
        str(only(path)) == f"{path}:{line}: rules[1].months is 24.5; it must be a whole number of months from 1 to 120."
    )
