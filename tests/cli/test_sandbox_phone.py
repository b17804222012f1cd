"""`lineaviva sandbox phone`: the words, the documents and the exit codes of each command."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineaviva.carrier.smdp import ca
from lineaviva.sandbox.phone import device
from tests.cli.conftest import Command, command_env, typed
from tests.sandbox.phone.server import ICCID, Smdp, upp

MASKED = "…0017"


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    ca.init(folder, curve="nist", now=datetime.now(UTC))
    return folder


@pytest.fixture
def server(certs: Path) -> Iterator[Smdp]:
    smdp = Smdp(certs)
    yield smdp
    smdp.close()


@pytest.fixture
def code(server: Smdp) -> str:
    return f"LPA:1${server.address}$K7-QX2M"


@pytest.fixture
def phone(tmp_path: Path, certs: Path, here: Command) -> str:
    folder = str(tmp_path / "phone")
    assert here("sandbox", "phone", "new", "--certs", str(certs), "--phone", folder).code == 0
    return folder


def test_a_profile_from_the_code_to_the_switched_on_line(here: Command, phone: str, code: str, server: Smdp) -> None:
    done = here("sandbox", "phone", "download", code, "--phone", phone, "--enable", "--json")

    assert done.code == 0
    assert done.json == {
        "profile": {
            "number": 1,
            "name": "Vera Europa",
            "provider": "Sandbox Mobile",
            "iccid": MASKED,
            "state": "enabled",
            "class": "operational",
            "size": len(upp()),
            "server": server.address,
            "installed_at": done.json["profile"]["installed_at"],
        },
        "notifications": {"sent": 2, "waiting": 0},
    }
    assert server.taken == [("result", 0x80, 1), ("other", 0x40, 2)]
    assert done.err.splitlines() == [
        f"Reached {server.address} over TLS, with a certificate that is trusted.",
        "The server proved who it is: SM-DP+ 2.999.10.",
        "Offered: Vera Europa of Sandbox Mobile.",
        "Downloading the profile ...",
        f"Checked 7 pieces, decrypted {len(upp())} bytes, installed as number 1.",
        "Enabled profile 1.",
        "Told the server: 2 notifications.",
    ]


def test_the_first_download_makes_the_phone_of_the_sandbox(
    here: Command, certs: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "phone")
    monkeypatch.setenv("LINEAVIVA_HOME", str(tmp_path))
    refused = here("sandbox", "phone", "download", code, "--phone", folder)
    assert (refused.code, "There is no phone in" in refused.err, device.exists(Path(folder))) == (2, True, False)

    (tmp_path / "sandbox" / "smdp").mkdir(parents=True)
    (tmp_path / "sandbox" / "smdp" / "certs").symlink_to(certs)
    done = here("sandbox", "phone", "download", code, "--phone", folder, "--json")

    assert (done.code, done.json["profile"]["iccid"]) == (0, MASKED)


def test_installing_is_not_enabling(here: Command, phone: str, code: str) -> None:
    done = here("sandbox", "phone", "download", code, "--phone", phone)

    assert done.out == (
        f"Installed as number 1: Vera Europa ({MASKED}). Switch it on with: lineaviva sandbox phone enable 1\n"
    )


def test_switching_on_and_off_and_deleting(here: Command, phone: str, code: str, server: Smdp) -> None:
    here("sandbox", "phone", "download", code, "--phone", phone)

    assert here("sandbox", "phone", "enable", "1", "--phone", phone).out == "Profile 1 is enabled.\n"
    refused = here("sandbox", "phone", "delete", "1", "--phone", phone, "--yes")
    assert (refused.code, "disable it first" in refused.err) == (2, True)
    disabled = here("sandbox", "phone", "disable", ICCID[-4:], "--phone", phone, "--json")
    assert (disabled.json["profile"]["state"], disabled.json["notifications"]) == (
        "disabled",
        {"sent": 1, "waiting": 0},
    )
    deleted = here("sandbox", "phone", "delete", "1", "--phone", phone, "--yes", "--json")
    assert deleted.json["profile"]["state"] == "deleted"
    assert [event for _, event, _ in server.taken] == [0x80, 0x40, 0x20, 0x10]
    assert here("sandbox", "phone", "list", "--phone", phone).out == "No profile on this phone yet.\n"


def test_deleting_asks_first(here: Command, phone: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here("sandbox", "phone", "download", code, "--phone", phone)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    asked = here("sandbox", "phone", "delete", "1", "--phone", phone)

    assert asked.code == 130
    assert len(device.look(Path(phone)).chip.state.profiles) == 1


def test_the_list_masks_what_it_shows(here: Command, phone: str, code: str, server: Smdp) -> None:
    here("sandbox", "phone", "download", code, "--phone", phone)

    shown, document = (
        here("sandbox", "phone", "list", "--phone", phone),
        here("sandbox", "phone", "list", "--phone", phone, "--json"),
    )

    assert [row["iccid"] for row in document.json] == [MASKED]
    for word in ("Vera Europa", "Sandbox Mobile", MASKED, "disabled"):
        assert word in shown.out
    assert ICCID not in shown.out + document.out


def test_only_show_tells_the_eid(here: Command, phone: str, code: str) -> None:
    eid = device.look(Path(phone)).chip.identity.eid

    shown = here("sandbox", "phone", "show", "--phone", phone, "--json")
    others = [
        here("sandbox", "phone", "download", code, "--phone", phone, "--json"),
        here("sandbox", "phone", "list", "--phone", phone, "--json"),
        here("sandbox", "phone", "notifications", "list", "--phone", phone, "--json"),
    ]

    assert shown.json == {
        "eid": eid,
        "profiles": 0,
        "free_bytes": 400_000,
        "notifications_waiting": 0,
        "issuers": ["secp256r1"],
    }
    said = "".join(one.out + one.err for one in others)
    for secret in (eid, ICCID, "K7-QX2M"):
        assert secret not in said


def test_notifications_wait_for_a_deaf_server(here: Command, phone: str, code: str, server: Smdp) -> None:
    server.deaf = True
    done = here("sandbox", "phone", "download", code, "--phone", phone, "--json")
    assert (done.code, done.json["notifications"]) == (0, {"sent": 0, "waiting": 1})
    assert "A notification is kept for later" in done.err

    still = here("sandbox", "phone", "notifications", "send", "--phone", phone, "--json")
    assert (still.code, still.json) == (1, {"sent": 0, "waiting": 1})
    listed = here("sandbox", "phone", "notifications", "list", "--phone", phone, "--json")
    assert listed.json == [{"number": 1, "event": "install", "iccid": MASKED, "server": server.address}]

    server.deaf = False
    sent = here("sandbox", "phone", "notifications", "send", "--phone", phone)
    assert (sent.code, sent.out) == (0, "Sent 1, waiting 0.\n")
    assert here("sandbox", "phone", "notifications", "list", "--phone", phone).out == "Nothing waits.\n"


def test_notifications_may_be_kept_on_purpose(here: Command, phone: str, code: str, server: Smdp) -> None:
    done = here("sandbox", "phone", "download", code, "--phone", phone, "--enable", "--later", "--json")

    assert (done.json["notifications"], server.taken) == ({"sent": 0, "waiting": 2}, [])


def test_a_failed_installation_is_told_to_the_server(here: Command, phone: str, code: str, server: Smdp) -> None:
    server.lies["upp"] = lambda _upp: upp("8939880000000000025")

    refused = here("sandbox", "phone", "download", code, "--phone", phone, "--json")

    assert (refused.code, refused.json["error"]["code"]) == (2, "smdp_not_trusted")
    assert refused.json["error"]["message"] == "The profile inside is another one than the server announced."
    assert server.taken == [("result", 0x80, 1)]


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (("8.2.6", "3.8"), "the server does not know this activation code, or it has been used"),
        (("8.1.1", "3.8"), "this profile is kept for another phone"),
        (("8.2.7", "3.8"), "the confirmation code is wrong"),
        (("8.8.5", "4.10"), "the time in which this profile could be downloaded is over"),
        (("9.9", "9.9"), "saying: Told by the server (9.9/9.9)"),
    ],
    ids=["unknown", "other-eid", "code", "expired", "strange"],
)
def test_a_refusal_is_one_sentence(
    refusal: tuple[str, str], sentence: str, here: Command, phone: str, code: str, server: Smdp
) -> None:
    server.refusals["authenticateClient"] = refusal

    refused = here("sandbox", "phone", "download", code, "--phone", phone)

    assert refused.code == 2
    assert sentence in refused.err
    assert "Traceback" not in refused.err
    assert "K7-QX2M" not in refused.err


def test_a_confirmation_code_is_taken_and_asked_for(here: Command, phone: str, code: str, server: Smdp) -> None:
    server.confirmation_code = "4711"

    missing = here("sandbox", "phone", "download", code, "--phone", phone)
    assert (missing.code, "--confirmation-code" in missing.err) == (2, True)
    done = here("sandbox", "phone", "download", code, "--phone", phone, "--confirmation-code", "4711")
    assert done.code == 0


def test_the_phone_is_made_with_the_first_download(
    here: Command, tmp_path: Path, certs: Path, code: str, server: Smdp
) -> None:
    folder = str(tmp_path / "new")
    for _ in range(2):
        done = here("sandbox", "phone", "download", code, "--phone", folder, "--certs", str(certs), "--json")
        server.bound.clear()

    assert (done.code, done.json["error"]["code"]) == (2, "already_installed")
    assert len(device.look(Path(folder)).chip.state.profiles) == 1


def test_without_a_phone_the_command_that_makes_one_is_named(here: Command, tmp_path: Path, code: str) -> None:
    for words in (["list"], ["show"], ["download", code], ["enable", "1"], ["notifications", "send"]):
        refused = here("sandbox", "phone", *words, "--phone", str(tmp_path / "none"))
        assert (refused.code, "lineaviva sandbox phone new --certs" in refused.err) == (2, True), words


def test_what_is_no_activation_code_is_refused(here: Command, phone: str) -> None:
    refused = here("sandbox", "phone", "download", "K7-QX2M", "--phone", phone, "--json")

    assert (refused.code, refused.json["error"]["field"]) == (2, "activation_code")


def test_tls_of_ones_own_authority(here: Command, phone: str, code: str, certs: Path, tmp_path: Path) -> None:
    """--ca takes the place of the chip's issuers: right with the right file, refused with another."""
    stranger = ca.Authority.make(ca.CURVES["nist"], now=datetime.now(UTC))
    (tmp_path / "other.pem").write_bytes(ca.certificate_pem(stranger.ci))

    refused = here("sandbox", "phone", "download", code, "--phone", phone, "--ca", str(tmp_path / "other.pem"))
    assert (refused.code, "TLS certificate does not fit" in refused.err) == (2, True)
    done = here("sandbox", "phone", "download", code, "--phone", phone, "--ca", str(certs / "nist" / "ci.pem"))
    assert done.code == 0


def test_two_downloads_at_once_on_one_phone(tmp_path: Path, phone: str, code: str, server: Smdp) -> None:
    """Two processes, one phone: one installs, the other finds it there; nothing is lost and no number given twice."""
    from concurrent.futures import ThreadPoolExecutor

    env = {**command_env(tmp_path), "PYTHONPATH": os.getcwd()}
    words = ("sandbox", "phone", "download", code, "--phone", phone, "--json")
    with ThreadPoolExecutor(2) as pool:
        ran = [one.result() for one in [pool.submit(typed, *words, env=env) for _ in range(2)]]

    documents = [json.loads(one.out) for one in ran]
    assert sorted(one.code for one in ran) == [0, 2]
    assert [one["error"]["code"] for one in documents if "error" in one] == ["already_installed"]
    assert [number for _, _, number in server.taken] == [1, 2]
    assert [one.slot for one in device.look(Path(phone)).chip.state.profiles] == [1]
