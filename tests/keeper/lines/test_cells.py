from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.lines.sheet import cells
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.phone import parse_msisdn

MARCH_31 = date(2025, 3, 31)


@pytest.mark.parametrize(
    "cell",
    [
        "2025-03-31",
        " 2025-03-31 ",
        "2025/03/31",
        "2025/3/31",
        "2025.03.31",
        "31/03/2025",
        "31-03-2025",
        "31.03.2025",
        "31/3/2025",
        "45747",
        "45747.0",
        "45747,00",
        "2025-03-31 00:00:00",
        "2025-03-31T00:00:00",
        "31/03/2025 00:00",
        "31/03/2025 0:00",
        "2025年3月31日",
        "2025年03月31日",
        '="31/03/2025"',
    ],
)
def test_days_as_spreadsheets_write_them(cell: str) -> None:
    assert cells.day(cell, field="last_topup") == MARCH_31


@pytest.mark.parametrize("cell", ["", "  ", "\t"])
def test_no_day(cell: str) -> None:
    assert cells.day(cell, field="last_topup") is None


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        pytest.param("31/03/25", "four digits", id="short year"),
        pytest.param("03/31/2025", "2025-03-31 or 31/03/2025", id="American"),
        pytest.param("30/02/2025", "2025-03-31", id="no such day"),
        pytest.param("2025-13-01", "2025-03-31", id="no such month"),
        pytest.param("yesterday", "2025-03-31", id="a word"),
        pytest.param("4,5747E+04", "2025-03-31", id="shortened"),
        pytest.param("31/03/2025 14:30", "2025-03-31", id="with a time"),
        pytest.param("457", "2025-03-31", id="a small number"),
        pytest.param("########", "2025-03-31", id="a narrow column"),
    ],
)
def test_what_is_no_day(cell: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint) as refusal:
        cells.day(cell, field="last_topup")
    assert (refusal.value.code, refusal.value.field) == ("date_invalid", "last_topup")


@given(st.dates(date(1995, 1, 1), date(2099, 12, 31)))
def test_every_form_of_a_day_is_the_same_day(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    forms = [
        day.isoformat(),
        f"{day:%d/%m/%Y}",
        f"{day:%d-%m-%Y}",
        f"{day.year}年{day.month}月{day.day}日",
        str(serial),
    ]
    for form in forms:
        assert cells.day(form, field="last_topup") == day


def test_excel_counts_from_the_right_day() -> None:
    assert cells.day("45747", field="x") == MARCH_31
    assert cells.day("45748", field="x") == MARCH_31 + timedelta(days=1)


@pytest.mark.parametrize(
    "cell",
    [
        "+393471234567",
        "393471234567",
        "393471234567.0",
        "393471234567,0",
        "393471234567.00",
        "00393471234567",
        "3471234567",
        "3471234567.0",
        "347 123 4567",
        "+39 347 1234567",
        '="+393471234567"',
        "'+393471234567",
        "'3471234567",
    ],
)
def test_numbers_with_and_without_their_plus(cell: str) -> None:
    assert parse_msisdn(cells.msisdn(cell)) == "+393471234567"


def test_a_national_number_that_begins_with_39_keeps_its_meaning() -> None:
    assert parse_msisdn(cells.msisdn("3934567890")) == "+393934567890"
    assert parse_msisdn(cells.msisdn("393934567890")) == "+393934567890"


@pytest.mark.parametrize("cell", ["3,47123E+11", "3.47123E+11", "3,47E11", "+3.5e+10", "8,93901E+18", "4E+09"])
@pytest.mark.parametrize("field", ["msisdn", "iccid", "eid"])
def test_a_number_that_was_rounded_away_is_refused_in_one_sentence(cell: str, field: str) -> None:
    with pytest.raises(InvalidInput, match=r"its last digits are lost; format the column as text") as refusal:
        cells.number(cell, field=field)
    assert (refusal.value.code, refusal.value.field) == ("number_mangled", field)
    assert refusal.value.message.count(".") - cell.count(".") == 1


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(
            (word, True)
            for word in ("yes", "YES", "y", "si", "sì", "SÌ", "s", "true", "vero", "1", "1.0", "是", " yes ")
        ),
        *((word, False) for word in ("no", "No", "n", "false", "falso", "0", "0.0", "否")),
        ("", None),
        ("  ", None),
    ],
)
def test_yes_and_no(cell: str, value: bool | None) -> None:
    assert cells.yes(cell) is value


@pytest.mark.parametrize("cell", ["maybe", "2", "yess", "不"])
def test_neither(cell: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cells.yes(cell)
    assert (refusal.value.code, refusal.value.field) == ("yes_no_invalid", "auto_renew")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("physical", "physical"), ("eSIM", "esim"), ("ESIM ", "esim"), ("e-sim", "esim"), ("SIM", "physical"), ("", None)],
)
def test_sim_types(cell: str, value: str | None) -> None:
    assert cells.sim_type(cell) == value


class TestFormulas:
    @pytest.mark.parametrize(
        "text",
        ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil")', "＝1+1", "＋1", "－1", "＠x", "'=1", "''+1"],
    )
    def test_are_guarded_and_come_back(self, text: str) -> None:
        assert cells.guarded(text) == f"'{text}"
        assert cells.bare(cells.guarded(text)) == text

    @pytest.mark.parametrize("text", ["Mamma", "'ndrangheta", "a=b", "1-1", "", "妈妈", "3 SIM + 1"])
    def test_ordinary_text_is_left_alone(self, text: str) -> None:
        assert cells.guarded(text) == text
        assert cells.bare(text) == text

    @given(st.text(alphabet="'=+-@＝＋－＠ab", max_size=8))
    def test_whatever_is_written_comes_back_and_is_no_formula(self, text: str) -> None:
        assert cells.bare(cells.guarded(text)) == text
        assert cells.guarded(text)[:1] not in set("=+-@＝＋－＠")
