"""The phone's memory: whole or not at all, one command at a time, and never half understood."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineaviva.sandbox.phone import device
from lineaviva.sandbox.phone.errors import PhoneError
from lineaviva.sandbox.phone.store import Notification, OneTimeKey, Profile, State, Store
from tests.patience import PATIENCE
from tests.sandbox.phone.conftest import NOW, Download

PROFILE = Profile(
    slot=1,
    iccid="8939880000000000017",
    aid="a0000005591010ffffffff8900001001",
    name="Vera",
    provider="Sandbox Mobile",
    profile_class="operational",
    ppr=0,
    notify=[(0xF0, "smdp.example")],
    size=3000,
    smdp="smdp.example",
    ci="00" * 20,
    installed_at="2026-11-22T12:00:00+01:00",
    enabled=True,
)
FULL = State(
    next_number=4,
    next_slot=2,
    memory=9000,
    profiles=[PROFILE],
    notifications=[Notification(3, "enable", "smdp.example", PROFILE.iccid, "MAA=", "2026-11-22T12:00:00+01:00")],
    one_time_key=OneTimeKey("04", "AA==", "2.999.10"),
)


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    Store(tmp_path).save(FULL)

    found = Store(tmp_path).read()

    assert found == FULL
    assert (found.free, found.notifications[0].bytes) == (6000, b"\x30\x00")


def test_a_new_phone_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path).read() == State()


def test_only_its_owner_reads_it(tmp_path: Path, certs: Path) -> None:
    device.make(tmp_path / "phone", certs, now=NOW)

    kept = [path for path in (tmp_path / "phone").rglob("*") if path.is_file() and path.name != "lock"]

    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert len(kept) == 9


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", '{"profiles": []}', '{"profiles": [{}], "notifications": []}', '{"profiles": 3}'],
)
def test_what_is_no_memory_is_said_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)

    with pytest.raises(PhoneError, match="make the phone anew") as refused:
        Store(tmp_path).read()

    assert refused.value.code == "phone_damaged"
    assert (tmp_path / "state.json").read_text() == text


def test_a_field_of_a_later_version_is_not_silently_dropped(tmp_path: Path) -> None:
    Store(tmp_path).save(FULL)
    document = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps({**document, "more": 1}))

    with pytest.raises(PhoneError):
        Store(tmp_path).read()


def test_a_save_that_dies_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).save(FULL)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError("no space")))

    with pytest.raises(OSError, match="no space"):
        Store(tmp_path).save(State())

    monkeypatch.undo()
    assert Store(tmp_path).read() == FULL


def test_one_command_waits_for_the_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.locked(), pytest.raises(PhoneError, match="Another command is using this phone") as refused:
        with Store(tmp_path).locked(patience=0.1):
            pass

    assert refused.value.code == "phone_busy"
    with Store(tmp_path).locked(patience=0):
        pass


def test_the_lock_of_a_killed_command_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from lineaviva.sandbox.phone.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(PhoneError), Store(tmp_path).locked(patience=0):
        pass

    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()

    with Store(tmp_path).locked(patience=PATIENCE):
        pass


def _count(folder: Path, times: int) -> None:
    store = Store(folder)
    for _ in range(times):
        with store.locked():
            state = store.read()
            time.sleep(0.001)
            state.next_number += 1
            store.save(state)


def test_two_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_count, args=(tmp_path, 25)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert [one.exitcode for one in both] == [0, 0]
    assert Store(tmp_path).read().next_number == 51


def test_reading_needs_no_lock(folder: Path, download: Download) -> None:
    download()
    with device.hold(folder):
        assert len(device.look(folder).chip.state.profiles) == 1


def test_a_phone_is_made_once(folder: Path, certs: Path) -> None:
    before = device.look(folder).chip.identity.eid

    with pytest.raises(PhoneError, match="give another folder") as refused:
        device.make(folder, certs, now=NOW, another=True)

    assert refused.value.code == "phone_exists"
    assert device.look(folder).chip.identity.eid == before


def test_a_making_that_was_killed_is_no_phone_and_may_be_begun_again(
    tmp_path: Path, certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            device.make(tmp_path / "phone", certs, now=NOW)
    assert not device.exists(tmp_path / "phone")

    device.make(tmp_path / "phone", certs, now=NOW)

    assert device.look(tmp_path / "phone").chip.state == State()


def test_no_phone_is_said_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match="lineaviva sandbox phone new --certs") as refused:
        device.look(tmp_path)
    with pytest.raises(PhoneError), device.hold(tmp_path / "none"):
        pass

    assert refused.value.code == "phone_missing"
    assert list(tmp_path.iterdir()) == []
