from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.phone import national, parse_msisdn

ANNA = "+393471234567"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("347 123 4567", id="as at home"),
        pytest.param("3471234567", id="without spaces"),
        pytest.param("+39 347 123 4567", id="with +39"),
        pytest.param("+393471234567", id="E.164"),
        pytest.param("0039 347 1234567", id="with 0039"),
        pytest.param("00393471234567", id="0039 without spaces"),
        pytest.param("393471234567", id="a spreadsheet ate the plus"),
        pytest.param("347-123-4567", id="hyphens"),
        pytest.param("347.123.4567", id="points"),
        pytest.param("(347) 1234567", id="brackets"),
        pytest.param("347/1234567", id="slash"),
        pytest.param("  347 1234567\t", id="white space around"),
        pytest.param("347\u00a0123\u202f4567", id="no-break spaces"),
        pytest.param("３４７１２３４５６７", id="full-width digits"),
        pytest.param("＋39 347 1234567", id="full-width plus"),
    ],
)
def test_one_number_in_all_its_forms(text: str) -> None:
    assert parse_msisdn(text) == ANNA


@pytest.mark.parametrize(
    ("text", "msisdn"),
    [
        pytest.param("393 123 4567", "+393931234567", id="prefix 393 is no country code"),
        pytest.param("391 123 4567", "+393911234567", id="prefix 391"),
        pytest.param("39 393 123 4567", "+393931234567", id="prefix 393 with 39"),
        pytest.param("320 123 456", "+39320123456", id="nine digits"),
        pytest.param("351 123 4567", "+393511234567", id="virtual operator"),
    ],
)
def test_prefixes_that_look_like_the_country_code(text: str, msisdn: str) -> None:
    assert parse_msisdn(text) == msisdn


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "msisdn_invalid", id="empty"),
        pytest.param("  ", "msisdn_invalid", id="blank"),
        pytest.param("Anna", "msisdn_invalid", id="a name"),
        pytest.param("347 CALL ME", "msisdn_invalid", id="letters"),
        pytest.param("3.93471E+11", "msisdn_invalid", id="a spreadsheet's notation"),
        pytest.param("347123", "msisdn_invalid", id="too short"),
        pytest.param("347 123 4567 89", "msisdn_invalid", id="too long"),
        pytest.param("+", "msisdn_invalid", id="only a plus"),
        pytest.param("347 123 4567 ext 5", "msisdn_invalid", id="extension"),
        pytest.param("'; drop table", "msisdn_invalid", id="nonsense"),
        pytest.param("1" * 300, "msisdn_invalid", id="very long"),
        pytest.param("02 1234 5678", "msisdn_fixed_line", id="Milan"),
        pytest.param("+39 06 1234 5678", "msisdn_fixed_line", id="Rome"),
        pytest.param("800 123 456", "msisdn_fixed_line", id="toll-free"),
        pytest.param("+86 138 0013 8000", "msisdn_foreign", id="China"),
        pytest.param("0086 138 0013 8000", "msisdn_foreign", id="China, 00"),
        pytest.param("+44 7911 123456", "msisdn_foreign", id="Britain"),
        pytest.param("+378 66 123456", "msisdn_foreign", id="San Marino"),
    ],
)
def test_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_msisdn(text, field="row 3")
    assert (refused.value.code, refused.value.field, refused.value.status) == (code, "row 3", 400)
    assert refused.value.message.endswith(".")
    digits = "".join(filter(str.isdigit, text))
    assert len(digits) < 5 or digits not in "".join(filter(str.isdigit, refused.value.message))


def test_national() -> None:
    assert national(ANNA) == "347 123 4567"


@given(
    st.sampled_from(["320", "328", "333", "347", "351", "366", "377", "389", "391", "392", "393"]),
    st.integers(min_value=0, max_value=9_999_999),
    st.sampled_from(["", "+39", "0039", "+39 ", "0039 "]),
    st.integers(min_value=0, max_value=3),
)
def test_whatever_form_it_comes_in_it_is_one_number(prefix: str, rest: int, country: str, spaces: int) -> None:
    number = f"{prefix}{rest:07d}"
    written = country + number[: 3 + spaces] + " " * spaces + number[3 + spaces :]
    assert parse_msisdn(written) == f"+39{number}"
    assert parse_msisdn(national(f"+39{number}")) == f"+39{number}"


@given(st.text(max_size=40))
def test_any_text_is_either_a_number_or_refused(text: str) -> None:
    try:
        msisdn = parse_msisdn(text)
    except InvalidInput as refused:
        assert refused.code in {"msisdn_invalid", "msisdn_foreign", "msisdn_fixed_line"}  # noqa: PT017 - either is right
    else:
        assert msisdn.startswith("+393")
        assert parse_msisdn(msisdn) == msisdn
