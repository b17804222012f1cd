"""What a person does with the phone on its pages, each in one go, and twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput
from lineaviva.sandbox.phone import device, using
from lineaviva.sandbox.phone.errors import Cheated, OperatorRefused, PhoneError
from lineaviva.sandbox.phone.store import Profile
from tests.sandbox.phone.conftest import NOW
from tests.sandbox.phone.server import Smdp, metadata, upp

OTHER = "8939880000000000025"
INSTALL, ENABLE, DISABLE, DELETE = 0x80, 0x40, 0x20, 0x10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where no phone is yet."""
    return tmp_path / "phone"


@pytest.fixture
def code(server: Smdp) -> ActivationCode:
    return ActivationCode(server.address, "K7-QX2M")


def profiles(folder: Path) -> list[Profile]:
    return device.look(folder).chip.state.profiles


def install(folder: Path, certs: Path, code: ActivationCode, confirmation_code: str = "") -> int:
    return using.install(folder, certs, code, confirmation_code=confirmation_code, now=NOW)


def test_the_first_use_makes_the_phone_and_installs_and_tells(
    folder: Path, certs: Path, code: ActivationCode, server: Smdp
) -> None:
    assert using.slot_of(folder, code) == 0
    assert install(folder, certs, code) == 1
    assert [(one.slot, one.enabled) for one in profiles(folder)] == [(1, True)]
    assert server.taken == [("result", INSTALL, 1), ("other", ENABLE, 2)]
    assert using.slot_of(folder, code) == 1


def test_the_code_is_not_kept(folder: Path, certs: Path, code: ActivationCode) -> None:
    install(folder, certs, code)
    assert all(b"K7-QX2M" not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_second_tap_finds_what_the_first_brought(
    folder: Path, certs: Path, code: ActivationCode, server: Smdp
) -> None:
    install(folder, certs, code)
    asked = len(server.asked)
    assert install(folder, certs, ActivationCode(code.host.upper(), code.matching_id)) == 1
    assert len(server.asked) == asked
    assert len(profiles(folder)) == 1


def test_two_taps_at_once_bring_one_profile(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: install(folder, certs, code), range(2))) == [1, 1]
    assert len(profiles(folder)) == 1
    assert server.asked.count("getBoundProfilePackage") == 1


def test_a_refused_code_leaves_nothing(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    server.refusals["authenticateClient"] = ("8.2.6", "3.8")
    with pytest.raises(OperatorRefused):
        install(folder, certs, code)
    assert profiles(folder) == []
    assert using.slot_of(folder, code) == 0


def test_a_failed_installation_is_told_too(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    server.lies["upp"] = lambda _upp: upp(OTHER)
    with pytest.raises(PhoneError):
        install(folder, certs, code)
    assert server.taken == [("result", INSTALL, 1)]
    assert profiles(folder) == []


def test_a_cheat_is_refused(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    server.lies["signed1.transaction"] = lambda _: bytes(16)
    with pytest.raises(Cheated):
        install(folder, certs, code)
    assert profiles(folder) == []


def test_a_confirmation_code_is_handed_on(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    server.confirmation_code = "4711"
    asked = ActivationCode(code.host, code.matching_id, needs_confirmation=True)
    with pytest.raises(OperatorRefused):
        install(folder, certs, asked, confirmation_code="4712")
    assert profiles(folder) == []
    assert install(folder, certs, asked, confirmation_code="4711") == 1


def test_without_certificates_there_is_no_phone(folder: Path, tmp_path: Path, code: ActivationCode) -> None:
    with pytest.raises(InvalidInput) as refused:
        install(folder, tmp_path / "none", code)
    assert refused.value.code == "phone_certs_invalid"
    assert not device.exists(folder)


def test_a_new_profile_switches_the_old_one_off(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    install(folder, certs, code)
    server.bound.clear()
    server.lies["metadata"] = lambda _raw: metadata(OTHER, server.address)
    server.lies["upp"] = lambda _upp: upp(OTHER)
    assert install(folder, certs, ActivationCode(code.host, "OTHER-1")) == 2
    assert [(one.slot, one.enabled) for one in profiles(folder)] == [(1, False), (2, True)]
    assert [event for _, event, _ in server.taken] == [INSTALL, ENABLE, INSTALL, DISABLE, ENABLE]


def test_a_profile_that_is_on_is_switched_off_and_deleted_in_one_go(
    folder: Path, certs: Path, code: ActivationCode, server: Smdp
) -> None:
    install(folder, certs, code)
    using.switch(folder, 1, "delete", now=NOW)
    assert profiles(folder) == []
    assert [event for _, event, _ in server.taken] == [INSTALL, ENABLE, DISABLE, DELETE]


@pytest.mark.parametrize(("act", "on"), [("disable", False), ("enable", True)])
def test_switching_twice_changes_nothing(
    folder: Path, certs: Path, code: ActivationCode, server: Smdp, act: str, on: bool
) -> None:
    install(folder, certs, code)
    using.switch(folder, 1, act, now=NOW)
    told = len(server.taken)
    using.switch(folder, 1, act, now=NOW)
    assert (profiles(folder)[0].enabled, len(server.taken)) == (on, told)


def test_what_is_not_there_is_not_switched(folder: Path, certs: Path, code: ActivationCode, server: Smdp) -> None:
    install(folder, certs, code)
    told = len(server.taken)
    with pytest.raises(PhoneError) as refused:
        using.switch(folder, 2, "delete", now=NOW)
    assert refused.value.code == "profile_unknown"
    assert (len(profiles(folder)), len(server.taken)) == (1, told)


def test_what_a_deaf_server_did_not_take_is_told_later(
    folder: Path, certs: Path, code: ActivationCode, server: Smdp
) -> None:
    server.deaf = True
    assert install(folder, certs, code) == 1
    assert len(device.look(folder).chip.state.notifications) == 2
    server.deaf = False
    using.send(folder)
    assert device.look(folder).chip.state.notifications == []
    assert [event for _, event, _ in server.taken] == [INSTALL, ENABLE]
