from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.lines.sheet.reading import COLUMNS, Row, RowError, read
from lineaviva.kernel.errors import InvalidInput

ROW = {"msisdn": "3471234567", "operator": "tim", "label": "Mamma"}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"msisdn,operator,label\n3471234567,tim,Mamma\n", id="comma"),
        pytest.param(b"msisdn;operator;label\n3471234567;tim;Mamma\n", id="semicolon"),
        pytest.param(b"msisdn\toperator\tlabel\n3471234567\ttim\tMamma\n", id="tab"),
        pytest.param(b"msisdn,operator,label\r\n3471234567,tim,Mamma\r\n", id="CRLF"),
        pytest.param(b"msisdn,operator,label\r3471234567,tim,Mamma\r", id="CR alone"),
        pytest.param(b"msisdn,operator,label\n3471234567,tim,Mamma", id="no end of line at the end"),
        pytest.param(codecs.BOM_UTF8 + b"msisdn,operator,label\n3471234567,tim,Mamma\n", id="BOM"),
        pytest.param(b'"msisdn","operator","label"\n"3471234567","tim","Mamma"\n', id="all quoted"),
        pytest.param(b"MSISDN; Operator ;LABEL\n3471234567;tim;Mamma\n", id="names in any case and with spaces"),
        pytest.param(b"msisdn,operator,label,,\n3471234567,tim,Mamma,,\n", id="empty columns at the end"),
        pytest.param(b"msisdn,operator,label\n\n3471234567,tim,Mamma\n\n,,\n", id="blank lines"),
    ],
)
def test_the_forms_of_one_file(data: bytes) -> None:
    sheet = read(data)
    assert sheet.columns == ("msisdn", "operator", "label")
    assert [row.cells for row in sheet.rows] == [ROW]
    assert sheet.errors == []


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_excels_own_line_about_the_delimiter(mark: str) -> None:
    data = f"sep={mark}\r\nmsisdn{mark}operator\r\n3471234567{mark}tim\r\n".encode()
    assert read(data).rows == [Row(3, {"msisdn": "3471234567", "operator": "tim"})]


@pytest.mark.parametrize("name", ["Holder Email", "holder_email", "HOLDER-EMAIL", " holder  email "])
def test_names_of_columns_are_taken_loosely(name: str) -> None:
    assert read(f"msisdn,operator,{name}\n1,2,3\n".encode()).columns[2] == "holder_email"


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    data = b'msisdn,operator,label\n1,tim,"two\nlines"\n\n2,tim,x\n3,tim\n4,tim,x,y\n'
    sheet = read(data)
    assert [(row.line, row.cells.get("label")) for row in sheet.rows] == [(2, "two\nlines"), (5, "x"), (6, None)]
    assert sheet.errors == [RowError(7, "", "cells_surplus", "This line has 4 cells, the header has 3.")]


def test_a_comma_inside_quotes_and_doubled_quotes() -> None:
    data = b'msisdn,operator,label\n1,tim,"Rossi, ""Nonna"" Maria"\n'
    assert read(data).rows[0].cells["label"] == 'Rossi, "Nonna" Maria'


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        pytest.param(b"", "file_empty", "empty", id="empty"),
        pytest.param(b"\n\n", "file_empty", "empty", id="only blank lines"),
        pytest.param("msisdn,operator\n".encode("utf-16"), "file_not_utf8", "CSV UTF-8", id="UTF-16"),
        pytest.param(b"msisdn,operator\n\x00", "file_not_utf8", "CSV UTF-8", id="zero bytes"),
        pytest.param(
            "msisdn,operator,label\n1,tim,x\n2,tim,è\n".encode("latin-1"), "file_not_utf8", "Line 3", id="Latin-1"
        ),
        pytest.param("msisdn,operator,label\n1,tim,妈妈\n".encode("gb18030"), "file_not_utf8", "Line 2", id="GB18030"),
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00", "file_not_utf8", "CSV UTF-8", id="xlsx"),
        pytest.param(b"msisdn,operator,lable\n", "columns_unknown", "lable", id="misspelt column"),
        pytest.param(b"operator,label\n", "columns_missing", "msisdn", id="no number"),
        pytest.param(b"msisdn\n", "columns_missing", "operator", id="no operator"),
        pytest.param(b"msisdn,operator,Label,label\n", "columns_twice", "label", id="column twice"),
        pytest.param(b"3471234567,tim\n", "columns_unknown", "Known are msisdn", id="no header"),
        pytest.param(b'msisdn,operator\n1,"tim\n2,tim\n', "file_broken", "line 2", id="a quote that never ends"),
        pytest.param(b'msisdn,operator\n1,"tim"x\n', "file_broken", "line 2", id="text after a quote"),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, code: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        read(data)
    assert (refusal.value.code, refusal.value.field) == (code, "file")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    field = "file"
    try:
        rows = read(b"msisdn,operator\n" + data).rows
    except InvalidInput as refusal:
        rows, field = [], refusal.field or ""
    assert field == "file"
    assert all(set(row.cells) == {"msisdn", "operator"} for row in rows)


def test_the_columns_are_those_of_the_manual() -> None:
    assert COLUMNS == tuple(
        "msisdn operator sim_type iccid eid label holder_email last_topup plan plan_expires_on auto_renew".split()
    )
