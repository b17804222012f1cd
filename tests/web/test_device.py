"""What a page is read on: the link comes first on a phone, the QR code on anything bigger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.web.device import KINDS, Device, device_of

_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_PIXEL = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
SEEN = [
    pytest.param(f"{_IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", "iphone", False, id="Safari"),
    pytest.param(f"{_IPHONE} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1", "iphone", False, id="Chrome on iOS"),
    pytest.param(f"{_IPHONE} Mobile/15E148 MicroMessenger/8.0.53(0x18003531)", "iphone", True, id="WeChat on iOS"),
    pytest.param(f"{_IPHONE} Mobile/15E148", "iphone", True, id="some app's window on iOS"),
    pytest.param(f"{_IPHONE} Mobile/15E148 Safari/604.1 Line/14.19.2", "iphone", True, id="LINE on iOS"),
    pytest.param(f"{_IPHONE} GSA/340.3 Mobile/15E148 Safari/604.1", "iphone", True, id="Google's app on iOS"),
    pytest.param(
        "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Version/12.1 Mobile/15E148 Safari/604.1",
        "ipad",
        False,
        id="an old iPad",
    ),
    pytest.param(f"{_MAC} Version/17.4 Safari/605.1.15", "desk", False, id="a Mac, or an iPad that says so"),
    pytest.param(f"{_PIXEL} Chrome/130.0.0.0 Mobile Safari/537.36", "android", False, id="Chrome on Android"),
    pytest.param(
        f"{_PIXEL} Version/4.0 Chrome/126.0 Mobile Safari/537.36 MMWEBID/1 MicroMessenger/8.0.53",
        "android",
        True,
        id="WeChat on Android",
    ),
    pytest.param(
        "Mozilla/5.0 (Linux; Android 14; SM-S921B; wv) AppleWebKit/537.36 Chrome/130 Mobile Safari/537.36",
        "android",
        True,
        id="some app's window on Android",
    ),
    pytest.param(
        "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
        "desk",
        False,
        id="an Android tablet",
    ),
    pytest.param(
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 ArkWeb/4.1 Mobile HuaweiBrowser/5.0",
        "other",
        False,
        id="HarmonyOS",
    ),
    pytest.param(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
        "desk",
        False,
        id="Windows",
    ),
    pytest.param(
        "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126 Safari/537.36 MicroMessenger/7.0.20 WindowsWechat",
        "desk",
        True,
        id="WeChat on Windows",
    ),
    pytest.param("", "desk", False, id="says nothing"),
]


@pytest.mark.parametrize(("user_agent", "kind", "inside"), SEEN)
def test_a_browser_is_known_by_what_it_says(user_agent: str, kind: str, inside: bool) -> None:
    found = device_of(user_agent)
    assert (found.kind, found.inside, found.chosen) == (kind, inside, False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reader_knows_better(kind: str) -> None:
    found = device_of(f"{_PIXEL} Chrome/130.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.53", kind)
    assert (found.kind, found.inside, found.chosen) == (kind, True, True)


@pytest.mark.parametrize("chosen", ["", "IPHONE", "desk ", "../", "<b>", "x" * 5000])
def test_what_nobody_can_choose_is_not_chosen(chosen: str) -> None:
    assert device_of("", chosen) == Device("desk")


@pytest.mark.parametrize(
    ("kind", "is_phone"), [("iphone", True), ("android", True), ("other", True), ("ipad", False), ("desk", False)]
)
def test_a_number_belongs_on_a_phone(kind: str, is_phone: bool) -> None:
    assert device_of("", kind).is_phone is is_phone


@given(user_agent=st.text(max_size=3000), chosen=st.text(max_size=10))
def test_every_text_gives_a_device(user_agent: str, chosen: str) -> None:
    found = device_of(user_agent, chosen)
    assert found.kind in KINDS
    assert found.chosen is (chosen in KINDS)
