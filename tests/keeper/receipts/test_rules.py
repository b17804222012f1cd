"""The receipts' pure decisions."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.receipts.pdf import coverage
from lineaviva.keeper.receipts.rules import numbering_year, parse_number, printable, shown_phone
from lineaviva.kernel.errors import NotFound


@pytest.mark.parametrize(
    ("instant", "year"),
    [
        ("2026-12-31T22:59:59+00:00", 2026),
        ("2026-12-31T23:00:00+00:00", 2027),
        ("2026-06-01T00:00:00+02:00", 2026),
        ("2027-01-01T07:00:00+08:00", 2027),
        ("2027-01-01T06:59:59+08:00", 2026),
    ],
)
def test_a_receipt_is_numbered_in_the_year_of_rome(instant: str, year: int) -> None:
    assert numbering_year(datetime.fromisoformat(instant)) == year


@pytest.mark.parametrize("text", ["LV-2026-000123", " lv-2026-123 ", "LV-2026-0000123"])
def test_a_number_is_read_as_people_write_it(text: str) -> None:
    assert parse_number(text) == ("LV", 2026, 123)


@pytest.mark.parametrize(
    "text", ["", "LV", "LV-2026", "LV-2026-", "LV-2026-x", "-2026-1", "LV-٢٠٢٦-1", "LV-2026-" + "1" * 30]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(NotFound) as refusal:
        parse_number(text)

    assert (refusal.value.code, refusal.value.field) == ("receipt_unknown", "number")


def test_the_holder_sees_the_whole_number_and_nobody_else() -> None:
    assert shown_phone("+393471234567", own=True) == "347 123 4567"
    assert shown_phone("+393471234567", own=False) == "••• 4567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Mamma", "Mamma", id="latin"),
        pytest.param("Müller Șerban Łódź Ñandú Đặng", "Müller Șerban Łódź Ñandú Đặng", id="latin of all kinds"),
        pytest.param("Олена Ελένη", "Олена Ελένη", id="cyrillic and greek"),
        pytest.param("妈妈的号码", "妈妈的号码", id="simplified"),
        pytest.param("媽媽的門號", "媽媽的門號", id="traditional"),
        pytest.param("ㄇㄚ カタカナ", "ㄇㄚ カタカナ", id="bopomofo and kana"),
        pytest.param("e\u0301", "é", id="a composed letter"),
        pytest.param("📱 Nonna", "□ Nonna", id="emoji"),
        pytest.param("👩🏽\u200d🦰", "□□", id="emoji of several parts"),
        pytest.param("❤\ufe0f", "□", id="emoji with a selector"),
        pytest.param("엄마", "□□", id="a script that no font has"),
        pytest.param("a\nb\tc\u2028d", "a b c d", id="line breaks"),
        pytest.param("a\x00b\u202eb", "a b b", id="control characters"),
        pytest.param("   ", "", id="nothing"),
    ],
)
def test_what_can_be_printed(text: str, expected: str) -> None:
    assert printable(text, coverage()) == expected


@given(st.text(max_size=80))
def test_whatever_is_typed_can_be_printed(text: str) -> None:
    printed = printable(text, coverage())

    assert {ord(char) for char in printed} <= coverage()
    assert printable(printed, coverage()) == printed
