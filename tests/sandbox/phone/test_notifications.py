"""What the chip signs for servers: kept until taken, in order, and by what the profile asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineaviva.carrier.smdp import der
from lineaviva.sandbox.phone import device, switching
from lineaviva.sandbox.phone.device import Phone
from lineaviva.sandbox.phone.errors import PhoneError
from tests.sandbox.phone.conftest import NOW, Download
from tests.sandbox.phone.server import ICCID, Smdp, metadata, swapped, upp

OTHER = "8939880000000000025"
INSTALL, ENABLE, DISABLE, DELETE = 0x80, 0x40, 0x20, 0x10


def second(server: Smdp, download: Download) -> None:
    """Another profile from the same server."""
    server.bound.clear()
    server.lies["metadata"] = lambda _raw: metadata(OTHER, server.address)
    server.lies["upp"] = lambda _upp: upp(OTHER)
    download()


def test_the_result_is_signed_and_told(download: Download, phone: Phone, server: Smdp) -> None:
    download()

    assert phone.lpa(print).send_notifications() == 1

    assert server.taken == [("result", INSTALL, 1)]
    success = server.results[0]
    assert [one.tag for one in der.children(success)] == [0x4F, 0x04]
    assert der.children(success)[0].value.hex() == "a0000005591010ffffffff8900001001"
    assert phone.chip.state.notifications == []
    assert device.look(phone.store.folder).chip.state.notifications == []


def test_the_whole_life_of_a_profile_is_told_in_order(download: Download, phone: Phone, server: Smdp) -> None:
    profile = download()
    switching.enable(phone.chip, profile, NOW)
    switching.disable(phone.chip, profile, NOW)
    switching.delete(phone.chip, profile, NOW)

    assert phone.lpa(print).send_notifications() == 4
    assert server.taken == [("result", INSTALL, 1), ("other", ENABLE, 2), ("other", DISABLE, 3), ("other", DELETE, 4)]
    assert phone.chip.state.profiles == []


def test_what_a_deaf_server_does_not_take_is_kept_and_sent_later(
    download: Download, folder: Path, phone: Phone, server: Smdp, said: list[str]
) -> None:
    profile = download()
    switching.enable(phone.chip, profile, NOW)
    phone.save()
    server.deaf = True

    assert phone.lpa(said.append).send_notifications() == 0
    # The second would overtake the first, so it was not even tried.
    assert server.asked.count("handleNotification") == 1
    assert said[-1] == (
        f"A notification is kept for later: {server.address} did not take the notification: HTTP status 503."
    )

    server.deaf = False
    with device.hold(folder) as later:
        assert later.lpa(print).send_notifications() == 2
        assert later.lpa(print).send_notifications() == 0
    assert server.taken == [("result", INSTALL, 1), ("other", ENABLE, 2)]


def test_one_deaf_server_does_not_keep_another_from_hearing(
    download: Download, certs: Path, phone: Phone, server: Smdp
) -> None:
    elsewhere = Smdp(certs / "nist")
    server.lies["metadata"] = lambda _raw: metadata(ICCID, elsewhere.address)
    server.deaf = True
    download()

    assert phone.lpa(print).send_notifications() == 1

    # Who gave the profile has the result; who is asked to be told has the notice of the installation.
    assert (server.taken, elsewhere.taken) == ([], [("other", INSTALL, 2)])
    assert [one.address for one in phone.chip.state.notifications] == [server.address]
    elsewhere.close()


def test_a_killed_phone_sends_again_what_it_does_not_know_was_taken(
    download: Download, folder: Path, phone: Phone, server: Smdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the server's yes and the phone's own note: the server hears it twice and must bear it."""
    download()
    monkeypatch.setattr(phone.store, "save", lambda _state: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        phone.lpa(print).send_notifications()

    with device.hold(folder) as again:
        assert again.lpa(print).send_notifications() == 1
    assert server.taken == [("result", INSTALL, 1), ("result", INSTALL, 1)]


def test_only_what_the_profile_asks_for_is_told(download: Download, phone: Phone, server: Smdp) -> None:
    server.lies["metadata"] = lambda _raw: metadata(ICCID, server.address, events=ENABLE)
    profile = download()
    switching.enable(phone.chip, profile, NOW)
    switching.disable(phone.chip, profile, NOW)

    assert [one.event for one in phone.chip.state.notifications] == ["install", "enable"]


def test_enabling_one_disables_the_other(download: Download, phone: Phone, server: Smdp) -> None:
    first = download()
    switching.enable(phone.chip, first, NOW)
    second(server, download)
    other = phone.chip.state.profiles[1]

    switching.enable(phone.chip, other, NOW)

    assert [one.enabled for one in phone.chip.state.profiles] == [False, True]
    assert [one.event for one in phone.chip.state.notifications] == [
        "install",
        "enable",
        "install",
        "disable",
        "enable",
    ]
    assert other.slot == 2


@pytest.mark.parametrize("act", [switching.enable, switching.disable], ids=["enable", "disable"])
def test_twice_is_once(act: switching.Act, download: Download, phone: Phone) -> None:
    profile = download()
    act(phone.chip, profile, NOW)
    before = len(phone.chip.state.notifications)

    act(phone.chip, profile, NOW)

    assert len(phone.chip.state.notifications) == before


def test_an_enabled_profile_is_not_deleted(download: Download, phone: Phone) -> None:
    profile = download()
    switching.enable(phone.chip, profile, NOW)

    with pytest.raises(PhoneError, match="lineaviva sandbox phone disable 1") as refused:
        switching.delete(phone.chip, profile, NOW)

    assert (refused.value.code, phone.chip.state.profiles) == ("profile_enabled", [profile])


def test_a_profile_whose_rules_forbid_it_is_not_deleted(download: Download, phone: Phone, server: Smdp) -> None:
    server.lies["metadata"] = lambda raw: der.write(0xBF25, der.read(raw).value, der.write(0x99, b"\x05\x20"))
    profile = download(accept_rules=True)

    with pytest.raises(PhoneError, match="forbid deleting") as refused:
        switching.delete(phone.chip, profile, NOW)

    assert (refused.value.code, phone.chip.state.profiles) == ("profile_rules", [profile])


def test_a_deleted_number_is_not_given_again(download: Download, phone: Phone, server: Smdp) -> None:
    switching.delete(phone.chip, download(), NOW)
    server.bound.clear()

    assert download().slot == 2


@pytest.mark.parametrize(
    ("which", "found"),
    [("1", ICCID), ("2", OTHER), (ICCID[-4:], ICCID), ("…0025", OTHER), (OTHER, OTHER)],
    ids=["number", "second", "digits", "masked", "all"],
)
def test_a_profile_is_found_by_number_or_last_digits(
    which: str, found: str, download: Download, phone: Phone, server: Smdp
) -> None:
    download()
    second(server, download)

    assert switching.find(phone.chip, which).iccid == found


@pytest.mark.parametrize(
    ("which", "sentence"),
    [("3", "no such profile"), ("17", "no such profile"), ("", "no such profile"), ("9999", "no such profile")],
)
def test_a_profile_that_is_not_there(which: str, sentence: str, download: Download, phone: Phone) -> None:
    download()

    with pytest.raises(PhoneError, match=sentence) as refused:
        switching.find(phone.chip, which)

    assert refused.value.code == "profile_unknown"


def test_digits_that_fit_two_profiles_are_refused(download: Download, phone: Phone, server: Smdp) -> None:
    download()
    second(server, download)
    phone.chip.state.profiles[1].iccid = "1" + ICCID[1:]

    with pytest.raises(PhoneError, match="Several profiles fit"):
        switching.find(phone.chip, ICCID[-6:])


def test_the_iccid_in_a_notice_is_written_as_cards_have_it(download: Download, phone: Phone) -> None:
    switching.enable(phone.chip, download(), NOW)

    told = der.children(der.read(phone.chip.state.notifications[1].bytes))[0]

    assert der.one(told, 0x5A).value == swapped(ICCID) == bytes.fromhex("989388000000000010f7")
