"""The pretend operators' SM-DP+ as the program it is: ordered from over ES2+, downloaded from, and heard of."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineaviva.cli.demo import free_port
from lineaviva.cli.processes import is_listening
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import using
from lineaviva.sandbox.world import World
from tests import migrated
from tests.cli.conftest import command_env
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes


class Keeper:
    """Takes what the SM-DP+ tells, where the keeper would listen."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keeper.heard.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def points(self, iccid: str) -> list[int]:
        return [body["notificationPointId"] for _, body in self.heard if body["iccid"] == iccid]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def start(world: World) -> subprocess.Popen[bytes]:
    env = {**command_env(world.home), **world.smdp_env()}
    with open(world.home / "smdp.log", "ab") as log:
        process = subprocess.Popen(world.smdp_argv(), env=env, stdout=log, stderr=log)
    until(lambda: is_listening(world.es2_port) or process.poll() is not None)
    assert process.poll() is None, (world.home / "smdp.log").read_text()
    return process


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(how)
    return process.wait(PATIENCE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    found = World(tmp_path_factory.mktemp("world"), free_port())
    found.folder("smdp").mkdir(parents=True)
    migrated.home("carrier", found.folder("smdp"))
    return found


@pytest.fixture(scope="module")
def keeper(world: World) -> Iterator[Keeper]:
    keeper = Keeper(world.port)
    yield keeper
    keeper.close()


@pytest.fixture
def smdp(world: World, keeper: Keeper) -> Iterator[subprocess.Popen[bytes]]:
    process = start(world)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def es2plus(world: World, function: str, operator: str = "vodafone", **body: Any) -> Any:
    """As the keeper asks: with the operator's certificate, trusting the CI."""
    env = world.keeper_env()
    context = ssl.create_default_context(cafile=env["LINEAVIVA_ES2_CA"])
    context.load_cert_chain(Path(env["LINEAVIVA_ES2_CERTS"]) / f"{operator}.pem")
    header = {"functionRequesterIdentifier": operator, "functionCallIdentifier": f"{function} {os.urandom(8).hex()}"}
    answer = httpx.post(
        f"https://127.0.0.1:{world.es2_port}/gsma/rsp2/es2plus/{function}",
        json={"header": header, **body},
        headers={"X-Admin-Protocol": "gsma/rsp/v2.2.2"},
        verify=context,
    )
    document = answer.json()
    assert document["header"]["functionExecutionStatus"]["status"] == "Executed-Success", document
    return document


def order(world: World, operator: str = "vodafone") -> tuple[str, ActivationCode]:
    iccid = es2plus(world, "downloadOrder", operator, profileType="prepaid")["iccid"]
    confirmed = es2plus(world, "confirmOrder", operator, iccid=iccid, releaseFlag=True)
    return iccid, ActivationCode(confirmed["smdpAddress"], confirmed["matchingId"])


def test_an_order_is_downloaded_and_each_step_is_told_to_the_keeper(
    smdp: subprocess.Popen[bytes], world: World, keeper: Keeper
) -> None:
    iccid, code = order(world)
    assert code.host == f"127.0.0.1:{world.es9_port}"

    assert using.install(world.folder("phone"), world.smdp_certs, code, now=datetime.now(UTC)) == 1

    # Eligible, downloaded, installed, switched on; what is told at once may overtake.
    until(lambda: {1, 3, 4, 101} <= set(keeper.points(iccid)))
    token = world.secrets()["progress vodafone"]
    paths = {path for path, body in keeper.heard if body["iccid"] == iccid}
    assert paths == {f"/es2plus/vodafone/{token}/gsma/rsp2/es2plus/handleDownloadProgressInfo"}
    assert {body["notificationPointStatus"]["status"] for _, body in keeper.heard} == {"Executed-Success"}


def test_an_operator_orders_its_own_profiles_only(smdp: subprocess.Popen[bytes], world: World) -> None:
    assert order(world, "tim")[0].startswith("893901")
    assert order(world, "windtre")[0].startswith("893988")


def test_who_has_no_certificate_orders_nothing(smdp: subprocess.Popen[bytes], world: World) -> None:
    context = ssl.create_default_context(cafile=world.keeper_env()["LINEAVIVA_ES2_CA"])
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"https://127.0.0.1:{world.es2_port}/gsma/rsp2/es2plus/downloadOrder", json={}, verify=context)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_and_knows_at_its_next_start_what_it_had(
    smdp: subprocess.Popen[bytes], world: World, how: signal.Signals
) -> None:
    _, code = order(world)
    assert stop(smdp, how) == 0
    assert not is_listening(world.es9_port)
    assert not is_listening(world.es2_port)

    again = start(world)
    assert using.install(world.folder("phone"), world.smdp_certs, code, now=datetime.now(UTC))
    assert stop(again) == 0


def test_a_port_that_is_taken_ends_it(smdp: subprocess.Popen[bytes], world: World) -> None:
    env = {**command_env(world.home), **world.smdp_env()}
    second = subprocess.run(world.smdp_argv(), env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode != 0
    assert smdp.poll() is None
