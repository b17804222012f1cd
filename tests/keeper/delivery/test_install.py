"""Links and QR codes of an activation code, to the letter."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.delivery import install
from lineaviva.keeper.delivery.install import Install, install_of, qr_png, qr_svg, qr_text
from lineaviva.kernel.activation_code import ActivationCode

CODE = ActivationCode("smdp.example.com", "K2M7-F5PW-9Q3X")
WITH_PORT = ActivationCode("127.0.0.1:8006", "K2M7")
CONFIRMED = ActivationCode("smdp.example.com", "K2M7", "1.3.6.1.4.1.31746", True)
RESOLD = ActivationCode("rsp.example.net", "aB_1.2")
MATCHING_IDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1, max_size=60)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9](\.[a-z]{2,8}){1,3}(:[1-9][0-9]{1,3})?", fullmatch=True)


def test_all_ways_to_one_profile() -> None:
    assert install_of(CODE, "http://127.0.0.1:8001/phone") == Install(
        lpa="LPA:1$smdp.example.com$K2M7-F5PW-9Q3X",
        address="smdp.example.com",
        matching_id="K2M7-F5PW-9Q3X",
        needs_confirmation=False,
        apple="https://esimsetup.apple.com/esim_qrcode_provisioning"
        "?carddata=LPA%3A1%24smdp.example.com%24K2M7-F5PW-9Q3X",
        android="https://esimsetup.android.com/esim_qrcode_provisioning"
        "?carddata=LPA%3A1%24smdp.example.com%24K2M7-F5PW-9Q3X",
        pretend="http://127.0.0.1:8001/phone/esim_qrcode_provisioning"
        "?carddata=LPA%3A1%24smdp.example.com%24K2M7-F5PW-9Q3X",
    )


@pytest.mark.parametrize(
    ("code", "carddata"),
    [
        pytest.param(WITH_PORT, "LPA%3A1%24127.0.0.1%3A8006%24K2M7", id="port"),
        pytest.param(CONFIRMED, "LPA%3A1%24smdp.example.com%24K2M7%241.3.6.1.4.1.31746%241", id="OID and flag"),
        pytest.param(RESOLD, "LPA%3A1%24rsp.example.net%24aB_1.2", id="as some resellers write it"),
        pytest.param(ActivationCode("a.example"), "LPA%3A1%24a.example%24", id="by the EID alone"),
        pytest.param(ActivationCode("a.example", "A&b=c#d"), "LPA%3A1%24a.example%24A%26b%3Dc%23d", id="hostile"),
    ],
)
def test_a_link_carries_the_whole_code(code: ActivationCode, carddata: str) -> None:
    made = install_of(code)
    assert made.apple == f"{install.APPLE}/esim_qrcode_provisioning?carddata={carddata}"
    assert made.android == f"{install.ANDROID}/esim_qrcode_provisioning?carddata={carddata}"


def test_without_a_pretend_phone_there_is_no_such_link() -> None:
    assert install_of(CODE).pretend == ""


def test_a_slash_at_the_end_of_the_setting_does_no_harm() -> None:
    assert (
        install_of(CODE, "http://127.0.0.1:8001/phone/").pretend
        == install_of(CODE, "http://127.0.0.1:8001/phone").pretend
    )


def test_that_a_confirmation_code_is_asked_for_is_said() -> None:
    assert (install_of(CODE).needs_confirmation, install_of(CONFIRMED).needs_confirmation) == (False, True)


def test_nothing_that_gives_the_line_away_shows_in_a_repr() -> None:
    shown = repr(install_of(CODE, "http://127.0.0.1:8001/phone"))
    assert shown == "Install(address='smdp.example.com', needs_confirmation=False)"


@given(HOSTS, MATCHING_IDS, st.booleans())
def test_a_link_gives_back_the_code(host: str, matching_id: str, confirmed: bool) -> None:
    code = ActivationCode(host, matching_id, needs_confirmation=confirmed)
    for link in (install_of(code).apple, install_of(code).android):
        (carddata,) = parse_qs(urlsplit(link).query)["carddata"]
        assert ActivationCode.parse(carddata) == code


@pytest.mark.parametrize(
    ("code", "text", "mode"),
    [
        pytest.param(CODE, "LPA:1$SMDP.EXAMPLE.COM$K2M7-F5PW-9Q3X", "alphanumeric", id="host in capitals"),
        pytest.param(WITH_PORT, "LPA:1$127.0.0.1:8006$K2M7", "alphanumeric", id="port"),
        pytest.param(CONFIRMED, "LPA:1$SMDP.EXAMPLE.COM$K2M7$1.3.6.1.4.1.31746$1", "alphanumeric", id="OID and flag"),
        pytest.param(RESOLD, "LPA:1$rsp.example.net$aB_1.2", "byte", id="a matching ID with small letters stays"),
    ],
)
def test_what_the_qr_code_says_and_in_which_mode(code: ActivationCode, text: str, mode: str) -> None:
    made = install._qr(code)
    assert (qr_text(code), made.mode) == (text, mode)
    assert made.error in ("M", "Q", "H")  # what is free in the same size goes to the correction of errors
    assert made == segno.make(text, error="m", micro=False)


@given(HOSTS, MATCHING_IDS)
def test_a_code_of_ours_always_fits_the_smaller_alphabet(host: str, matching_id: str) -> None:
    code = ActivationCode(host, matching_id)
    assert install._qr(code).mode == "alphanumeric"
    read = ActivationCode.parse(qr_text(code))
    assert (read.host.lower(), read.matching_id) == (host, matching_id)


def test_the_smaller_alphabet_makes_a_smaller_code() -> None:
    """Fewer modules are easier for a camera: 25 or 29 a side, not 29 or 33."""
    as_it_is = segno.make(str(CODE), error="m", micro=False)
    assert (install._qr(CODE).symbol_size(border=0), as_it_is.symbol_size(border=0)) == ((25, 25), (29, 29))


def test_the_svg_has_its_white_edge_and_is_the_same_each_time() -> None:
    svg = qr_svg(CODE)
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" ')
    assert 'viewBox="0 0 33 33"' in svg
    assert re.findall(r'(?:fill|stroke)="(#\w+)"', svg) == ["#fff", "#12201a"]
    assert svg == qr_svg(CODE) != qr_svg(WITH_PORT)
    assert 'viewBox="0 0 29 29"' in qr_svg(CODE, border=2)


@pytest.mark.parametrize(("scale", "side"), [(8, 264), (4, 132)])
def test_the_picture_for_mail(scale: int, side: int) -> None:
    png = qr_png(CODE, scale=scale)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (side, side)
    assert png == qr_png(CODE, scale=scale)
