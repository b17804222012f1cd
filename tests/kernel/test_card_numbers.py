"""ICCID and EID: what is printed on cards and shown by phones."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.iccid import parse_iccid

ICCID = "8939010000000000017"
EID = "89049032123451234512345678901235"


@pytest.mark.parametrize(
    ("text", "iccid"),
    [
        pytest.param("8939010000000000017", ICCID, id="19 digits"),
        pytest.param("893901000000000001", ICCID, id="18 digits, the check digit is added"),
        pytest.param("8939 0100 0000 0000 017", ICCID, id="as printed"),
        pytest.param("8939-0100-0000-0000-017", ICCID, id="hyphens"),
        pytest.param("8939010000000000017F", ICCID, id="filled up with F"),
        pytest.param("8939010000000000017f", ICCID, id="filled up with f"),
        pytest.param("89390100000000000016", "89390100000000000016", id="20 digits"),
    ],
)
def test_iccid(text: str, iccid: str) -> None:
    assert parse_iccid(text) == iccid


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("8939010000000000018", "mistyped", id="wrong check digit"),
        pytest.param("8993010000000000017", "mistyped", id="two digits swapped"),
        pytest.param("89390100000000000015", "mistyped", id="20 digits, wrong check digit"),
        pytest.param("", "18 to 20 digits", id="empty"),
        pytest.param("89390100000000001", "18 to 20 digits", id="17 digits"),
        pytest.param("893901000000000000170", "18 to 20 digits", id="21 digits"),
        pytest.param("7939010000000000017", "begins with 89", id="not a telecom card"),
        pytest.param("893901000000000001A", "18 to 20 digits", id="letter"),
        pytest.param("893901000000000001F", "18 to 20 digits", id="F in the wrong place"),
        pytest.param("８９３９０１００００００００００００１７", "18 to 20 digits", id="full-width"),
    ],
)
def test_iccid_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        parse_iccid(text, field="card")
    assert (refused.value.code, refused.value.field) == ("iccid_invalid", "card")


@given(st.text("0123456789", min_size=16, max_size=16))
def test_any_iccid_gets_its_check_digit_and_keeps_it(rest: str) -> None:
    full = parse_iccid(f"89{rest}")
    assert len(full) == 19
    assert luhn.is_valid(full)
    assert parse_iccid(full) == full


@given(
    st.text("0123456789", min_size=16, max_size=16),
    st.integers(min_value=2, max_value=18),
    st.integers(min_value=1, max_value=9),
)
def test_one_mistyped_digit_of_an_iccid_is_found(rest: str, place: int, by: int) -> None:
    full = parse_iccid(f"89{rest}")
    wrong = full[:place] + str((int(full[place]) + by) % 10) + full[place + 1 :]
    with pytest.raises(InvalidInput):
        parse_iccid(wrong)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("89049032123451234512345678901235", id="digits"),
        pytest.param("8904 9032 1234 5123 4512 3456 7890 1235", id="spaced"),
        pytest.param("89-049032-12345123451234567890-1235", id="hyphens"),
    ],
)
def test_eid(text: str) -> None:
    assert parse_eid(text) == EID


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("89049032123451234512345678901236", "mistyped", id="wrong check digits"),
        pytest.param("89049032123451234512345678901253", "mistyped", id="check digits swapped"),
        pytest.param("89049032123452134512345678901235", "mistyped", id="digits swapped"),
        pytest.param("", "32 digits", id="empty"),
        pytest.param("8904903212345123451234567890123", "32 digits", id="31 digits"),
        pytest.param("890490321234512345123456789012355", "32 digits", id="33 digits"),
        pytest.param("79049032123451234512345678901235", "begins with 89", id="not a telecom number"),
        pytest.param("8904903212345123451234567890123X", "32 digits", id="letter"),
    ],
)
def test_eid_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        parse_eid(text)
    assert (refused.value.code, refused.value.field) == ("eid_invalid", "eid")


@given(st.text("0123456789", min_size=28, max_size=28), st.integers(min_value=2, max_value=30))
def test_swapped_neighbours_in_an_eid_are_found(rest: str, place: int) -> None:
    eid = f"89{rest}" + mod_97_10.calc_check_digits(f"89{rest}")
    assert parse_eid(eid) == eid
    assume(eid[place] != eid[place + 1])
    with pytest.raises(InvalidInput):
        parse_eid(eid[:place] + eid[place + 1] + eid[place] + eid[place + 2 :])
