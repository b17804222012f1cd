"""The pretend phone and the product's own SM-DP+, as processes, over TLS: what is done here, `show` tells there."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lineaviva.carrier.smdp import ca, der
from lineaviva.cli.demo import free_port
from lineaviva.cli.sandbox_phone import app
from lineaviva.kernel.errors import LineavivaError
from lineaviva.sandbox.phone import identity, wire
from tests import migrated
from tests.cli.conftest import command_env
from tests.cli.in_process import Done, run
from tests.patience import PATIENCE
from tests.sandbox.phone.desk import Desk
from tests.sandbox.phone.proxy import Proxy

pytestmark = pytest.mark.processes


@dataclass
class World:
    """A running SM-DP+ with profiles of TIM, its operator's desk, and a proxy before it that is honest until told."""

    home: Path
    certs: Path
    desk: Desk
    proxy: Proxy

    def order(self, *words: str) -> tuple[str, str]:
        """A released profile: its activation code, and its ICCID for `profile`."""
        done = self.desk.run("order", "--operator", "tim", "--type", "prepaid", *words)
        return done["activation_code"], done["iccid"]

    def profile(self, iccid: str) -> Any:
        return self.desk.run("show", iccid)

    def phone(self, *words: str, name: str = "phone") -> Done:
        return run(app, *words, "--phone", str(self.home / name), "--json")

    def refusal(self, *words: str, name: str = "phone") -> LineavivaError:
        error = self.phone(*words, name=name).error
        assert isinstance(error, LineavivaError)
        return error


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home, port = tmp_path_factory.mktemp("smdp"), free_port()
    migrated.home("carrier", home)
    certs = home / "ca"
    ca.init(certs, now=datetime.now(UTC))
    files = (certs / "nist" / "dptls.pem", certs / "nist" / "dptls.key")
    with ExitStack() as stack:
        proxy = Proxy(f"https://127.0.0.1:{port}", *files, wire.trust(identity.read(certs).authorities))
        stack.callback(proxy.close)
        # The phone knows the server by the proxy's address, which is therefore the server's own name.
        env = {**command_env(home), "LINEAVIVA_SMDP_ADDRESS": proxy.address, "LINEAVIVA_PROGRAM": "carrier"}
        argv = [sys.executable, "-m", "lineaviva.cli.main", "smdp", "serve", "--certs", str(certs), "--json"]
        server = subprocess.Popen(
            [*argv, "--port", str(port), "--es2-port", "0"], env=env, stdout=subprocess.PIPE, text=True
        )
        stack.callback(_stop, server)
        desk = Desk(env)
        stack.callback(desk.close)
        assert server.stdout is not None
        assert json.loads(server.stdout.readline())["address"] == proxy.address
        world = World(home, certs, desk, proxy)
        desk.run("import", "--demo", "9", "--demo-bytes", "6000", "--operator", "tim")
        assert world.phone("new", "--certs", str(certs)).code == 0
        yield world


def _stop(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(PATIENCE)
    assert server.stdout is not None
    server.stdout.close()


@pytest.fixture
def world(running: World) -> Iterator[World]:
    running.proxy.changes.clear()
    yield running
    running.proxy.changes.clear()


def test_a_line_is_downloaded_switched_on_and_deleted(world: World) -> None:
    code, iccid = world.order()

    done = world.phone("download", code, "--enable")

    number = str(done.json["profile"]["number"])
    assert done.json["profile"]["iccid"] == f"…{iccid[-4:]}"
    assert done.json["notifications"] == {"sent": 2, "waiting": 0}
    seen = world.profile(iccid)
    assert (seen["state"], seen["on_the_phone"]) == ("installed", "enabled")
    assert [one["kind"] for one in seen["notices"]] == ["install", "enable"]

    assert world.phone("disable", number).code == 0
    assert world.phone("delete", number, "--yes").code == 0
    assert [one["kind"] for one in world.profile(iccid)["notices"]] == ["install", "enable", "disable", "delete"]
    assert world.phone("list").json == []


def test_what_was_installed_without_telling_is_told_later(world: World) -> None:
    code, iccid = world.order()

    done = world.phone("download", code, "--later")
    assert (done.code, world.profile(iccid)["state"]) == (0, "downloaded")

    assert world.phone("notifications", "send").json == {"sent": 1, "waiting": 0}
    assert world.profile(iccid)["state"] == "installed"


def test_another_phone_does_not_get_it_too(world: World) -> None:
    code, iccid = world.order()
    assert world.phone("download", code).code == 0
    assert world.phone("new", "--certs", str(world.certs), "--another", name="other").code == 0

    assert world.refusal("download", code, name="other").code == "operator_refused"
    assert world.phone("list", name="other").json == []
    assert world.profile(iccid)["state"] == "installed"


def test_the_confirmation_code(world: World) -> None:
    code, iccid = world.order("--confirmation-code", "4711")

    wrong = world.refusal("download", code, "--confirmation-code", "4712")
    assert "the confirmation code is wrong" in wrong.message
    assert world.profile(iccid)["wrong_confirmation_codes"] == 1

    assert world.phone("download", code, "--confirmation-code", "4711").code == 0
    assert world.profile(iccid)["state"] == "installed"


def test_a_changed_package_is_refused_and_the_operator_learns_why(world: World) -> None:
    """One bit of a segment on its way: no profile, and the signed reason at the server."""
    code, iccid = world.order()
    world.proxy.changes["getBoundProfilePackage"] = _bit_of_the_package

    refused = world.refusal("download", code)

    assert refused.code == "smdp_not_trusted"
    assert refused.message == "A piece of the profile was changed on its way."
    seen = world.profile(iccid)
    assert seen["state"] == "error"
    assert [one["kind"] for one in seen["notices"]] == ["install"]


def _bit_of_the_package(answer: dict[str, Any]) -> dict[str, Any]:
    package = bytearray(base64.b64decode(answer["boundProfilePackage"]))
    package[-20] ^= 1
    return {**answer, "boundProfilePackage": base64.b64encode(package).decode()}


def test_other_metadata_than_offered_are_cancelled(world: World) -> None:
    code, iccid = world.order()
    world.proxy.changes["authenticateClient"] = _other_name

    refused = world.refusal("download", code)

    assert refused.message == "The server sends another profile than it offered; nothing was installed."
    seen = world.profile(iccid)
    assert (seen["state"], seen["failure"]) == ("error", "8.2.9/3.11")


def _other_name(answer: dict[str, Any]) -> dict[str, Any]:
    offered = base64.b64decode(answer["profileMetadata"])
    changed = offered.replace(b"prepaid", b"dearest")
    assert changed != offered
    return {**answer, "profileMetadata": base64.b64encode(changed).decode()}


def test_a_forged_server_gets_nothing_and_the_profile_stays(world: World) -> None:
    """A server without the operator's key: nothing is bound, and the honest download goes through after that."""
    code, iccid = world.order()
    world.proxy.changes["initiateAuthentication"] = _other_signature

    refused = world.refusal("download", code)

    assert refused.message == "A signature of the server does not fit what it sent."
    assert world.profile(iccid)["state"] == "released"
    world.proxy.changes.clear()
    assert world.phone("download", code).code == 0


def _other_signature(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "serverSignature1": base64.b64encode(der.write(0x5F37, os.urandom(64))).decode()}


def test_saying_no_is_told_to_the_operator(world: World) -> None:
    code, iccid = world.order()

    assert world.refusal("download", code, "--reject").code == "rejected"
    seen = world.profile(iccid)
    assert (seen["state"], seen["failure"]) == ("error", "8.8.5/3.8")
