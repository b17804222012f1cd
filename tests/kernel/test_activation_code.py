from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput

HOST = "smdp.example.com"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("LPA:1$smdp.example.com$AB-12", ActivationCode(HOST, "AB-12"), id="usual"),
        pytest.param("lpa:1$smdp.example.com$AB-12", ActivationCode(HOST, "AB-12"), id="small letters"),
        pytest.param("Lpa:1$smdp.example.com$AB-12", ActivationCode(HOST, "AB-12"), id="mixed letters"),
        pytest.param("1$smdp.example.com$AB-12", ActivationCode(HOST, "AB-12"), id="typed by hand"),
        pytest.param(" LPA:1$smdp.example.com$AB-12\n", ActivationCode(HOST, "AB-12"), id="white space around"),
        pytest.param("LPA:1$smdp.example.com$", ActivationCode(HOST), id="no matching ID"),
        pytest.param("LPA:1$smdp.example.com$AB-12$1.3.6.1", ActivationCode(HOST, "AB-12", "1.3.6.1"), id="OID"),
        pytest.param(
            "LPA:1$smdp.example.com$AB-12$1.3.6.1$1", ActivationCode(HOST, "AB-12", "1.3.6.1", True), id="OID and flag"
        ),
        pytest.param("LPA:1$smdp.example.com$AB-12$$1", ActivationCode(HOST, "AB-12", "", True), id="flag alone"),
        pytest.param("LPA:1$smdp.example.com$$$1", ActivationCode(HOST, "", "", True), id="flag, no matching ID"),
        pytest.param("LPA:1$smdp.example.com$AB-12$$", ActivationCode(HOST, "AB-12"), id="empty parts at the end"),
        pytest.param("LPA:1$127.0.0.1:8006$AB-12", ActivationCode("127.0.0.1:8006", "AB-12"), id="address and port"),
        pytest.param("LPA:1$smdp.example.com$aB_1.2", ActivationCode(HOST, "aB_1.2"), id="as some servers write it"),
    ],
)
def test_parse(text: str, code: ActivationCode) -> None:
    assert ActivationCode.parse(text) == code


@pytest.mark.parametrize(
    ("code", "qr", "typed"),
    [
        (ActivationCode(HOST, "AB-12"), "LPA:1$smdp.example.com$AB-12", "1$smdp.example.com$AB-12"),
        (ActivationCode(HOST), "LPA:1$smdp.example.com$", "1$smdp.example.com$"),
        (ActivationCode(HOST, "A", "1.3.6.1"), "LPA:1$smdp.example.com$A$1.3.6.1", "1$smdp.example.com$A$1.3.6.1"),
        (ActivationCode(HOST, "A", "", True), "LPA:1$smdp.example.com$A$$1", "1$smdp.example.com$A$$1"),
    ],
)
def test_written(code: ActivationCode, qr: str, typed: str) -> None:
    assert (str(code), code.typed) == (qr, typed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("LPA:", id="prefix alone"),
        pytest.param("LPA:2$smdp.example.com$AB", id="unknown format"),
        pytest.param("LPA:1$smdp.example.com", id="no matching ID part"),
        pytest.param("LPA:1$$AB", id="no server"),
        pytest.param("LPA:1$https://smdp.example.com$AB", id="URL for a server"),
        pytest.param("LPA:1$smdp..example.com$AB", id="two points"),
        pytest.param("LPA:1$-smdp.example.com$AB", id="hyphen first"),
        pytest.param("LPA:1$smdp example$AB", id="space in the server"),
        pytest.param("LPA:1$smdp.example.com$A B", id="space in the matching ID"),
        pytest.param("LPA:1$smdp.example.com$ÄB", id="not ASCII"),
        pytest.param("LPA:1$smdp.example.com$AB$oid", id="not an OID"),
        pytest.param("LPA:1$smdp.example.com$AB$1.3$0", id="flag is not 1"),
        pytest.param("LPA:1$smdp.example.com$AB$1.3$1$1", id="too many parts"),
        pytest.param("LPA:1$smdp.example.com$" + "A" * 256, id="too long"),
        pytest.param("https://example.com/?qr=LPA:1$smdp.example.com$AB", id="a link"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ActivationCode.parse(text)
    assert (refused.value.code, refused.value.field) == ("activation_code_invalid", "activation_code")
    assert "AB" not in refused.value.message


@pytest.mark.parametrize(
    "parts", [("smdp$x", "AB"), (HOST, "A$B"), (HOST, "AB", "1.3$1")], ids=["host", "matching ID", "OID"]
)
def test_a_part_cannot_hold_the_separator(parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        ActivationCode(*parts)


def test_repr_does_not_show_the_matching_id() -> None:
    assert "SECRET-1" not in repr(ActivationCode(HOST, "SECRET-1"))


@given(
    st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){1,3}", fullmatch=True),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", max_size=40),
    st.sampled_from(["", "1.3.6.1.4.1.31746", "2.999.10"]),
    st.booleans(),
)
def test_what_is_written_is_read_back(host: str, matching_id: str, oid: str, flag: bool) -> None:
    code = ActivationCode(host, matching_id, oid, flag)
    assert ActivationCode.parse(str(code)) == ActivationCode.parse(code.typed) == code


@given(st.text(max_size=60))
def test_any_text_is_either_a_code_or_refused(text: str) -> None:
    try:
        code = ActivationCode.parse(text)
    except InvalidInput:
        return
    assert ActivationCode.parse(str(code)) == code
