"""`lineaviva smdp serve`: real processes, real TLS, a phone and operators that nobody here can look into."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lineaviva.carrier.smdp.listener import THREADS
from lineaviva.cli.processes import is_listening
from lineaviva.kernel import clock
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.sandbox.phone import identity, loading, lpa, wire
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.store import State
from tests.carrier.smdp.served import ES2, HEADERS, INITIATE, Operator, Served, codes, serving
from tests.patience import PATIENCE

NOTIFY = "/gsma/rsp2/es9plus/handleNotification"

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("smdp")) as found:
        yield found


@pytest.fixture(scope="module")
def served_plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("plain"), "--plain") as found:
        yield found


@pytest.fixture(scope="module")
def tim(served: Served) -> Operator:
    operator = Operator(served.home, "tim")
    served.lineaviva("smdp", "clients", "add", "tim", "--certificate", str(operator.certificate))
    return operator


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_es9plus_speaks_tls_with_a_certificate_under_the_ci(served: Served, version: ssl.TLSVersion) -> None:
    context = served.trusting()
    context.minimum_version = context.maximum_version = version
    status, document = served.post(INITIATE, {}, context)
    assert (status, codes(document)) == (200, "1.3.1/2.2")


def test_it_says_what_it_is(served: Served) -> None:
    assert served.said["address"] == f"localhost:{served.port}"
    assert served.said["tls"] == "from the folder"
    assert served.said["es9plus"] == f"https://127.0.0.1:{served.port}/gsma/rsp2/es9plus/"
    assert len(served.said["ci"]) == 2


def test_nothing_is_answered_with_the_headers_that_clients_look_at(served: Served) -> None:
    """pySim's client reads the type of an answer without a body too; nobody need know the web server's version."""
    connection = http.client.HTTPSConnection("127.0.0.1", served.port, timeout=PATIENCE, context=served.trusting())
    with contextlib.closing(connection):
        connection.request("POST", NOTIFY, json.dumps({"pendingNotification": "MAA="}), HEADERS)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (204, b"")
    said = {name.lower(): value for name, value in reply.getheaders() if name.lower() != "date"}
    assert said == {
        "x-admin-protocol": "gsma/rsp/v2.2.2",
        "content-type": "application/json",
        "server": "Lineaviva",
    }


def test_keys_on_disk_are_their_owner_s_only(served: Served) -> None:
    made = [path for path in (served.home / "smdp" / "tls").iterdir() if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o600]


def test_plain_http_at_a_tls_port_is_refused(served: Served) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        served.post(INITIATE, {}, None)
    assert served.post(INITIATE, {}, served.trusting())[0] == 200


def test_connections_that_say_nothing_hold_up_nobody(served: Served) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port))) for _ in range(60)]
        assert served.post(INITIATE, {}, served.trusting())[0] == 200
        # More of them than there are threads are still there: it was not their end that it waited for.
        shut = select.select(silent, [], [], 0)[0]
        assert len(silent) - len(shut) > THREADS["es9plus"]


def test_behind_a_terminator_bodies_that_do_not_come_hold_up_nobody(served_plain: Served) -> None:
    """More of them than there are threads: they are shut after their time, and the next phone is served."""
    half = f"POST {INITIATE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    with ExitStack() as stack:
        stuck = [stack.enter_context(socket.create_connection(("127.0.0.1", served_plain.port))) for _ in range(40)]
        for one in stuck:
            one.sendall(half.encode())
        time.sleep(1)  # until the server has taken them all
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                status, _ = served_plain.post(INITIATE, {}, None)
                break
            except (http.client.HTTPException, OSError):
                # It waits in the same queue, and is as silent as they are.
                assert time.monotonic() < deadline
        assert status == 200


HALF = "Host: a\r\nContent-Type: application/json\r\nX-Admin-Protocol: gsma/rsp/v2.2.2\r\nConnection: close\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
RAW = {
    "garbage": "GARBAGE\r\n\r\n",
    "bytes": "\x00\x01\xff\r\n\r\n",
    "no path": "POST\r\n\r\n",
    "other path": f"POST /%ff%00%zz HTTP/1.1\r\n{HALF}Content-Length: 0\r\n\r\n",
    "long path": f"POST /{'a' * 70_000} HTTP/1.1\r\n{HALF}\r\n",
    "long header": f"POST {INITIATE} HTTP/1.1\r\n{HALF}X: {'a' * 70_000}\r\n\r\n",
    "negative length": f"POST {INITIATE} HTTP/1.1\r\n{HALF}Content-Length: -5\r\n\r\n{{}}",
    "endless length": f"POST {INITIATE} HTTP/1.1\r\n{HALF}Content-Length: {'9' * 30}\r\n\r\n{{}}",
    "bad chunk": f"POST {INITIATE} HTTP/1.1\r\n{HALF}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n",
    "both lengths": f"POST {INITIATE} HTTP/1.1\r\n{HALF}{CHUNKED}Content-Length: 2\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
    "odd header": f"POST {INITIATE} HTTP/1.1\r\n{HALF}X-Admin-Protocol: \xff\xfe\r\nContent-Length: 2\r\n\r\n{{}}",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
@pytest.mark.parametrize("kind", ["served", "served_plain"])
def test_what_is_no_http_is_no_error_of_ours(request: pytest.FixtureRequest, kind: str, raw: str) -> None:
    found: Served = request.getfixturevalue(kind)
    with socket.create_connection(("127.0.0.1", found.port), timeout=PATIENCE) as connection:
        context = found.trusting()
        line = connection if kind == "served_plain" else context.wrap_socket(connection, server_hostname="localhost")
        answer = b""
        with line, contextlib.suppress(OSError):  # closed in the middle of what is too long
            line.sendall(raw.encode("latin-1"))
            answer = line.recv(1000)
    assert answer[9:12] != b"500"
    assert b"Traceback" not in answer
    context = found.trusting() if kind == "served" else None
    assert found.post(INITIATE, {}, context)[0] == 200


# --- who may order --------------------------------------------------------------------------------------------------


def test_es2plus_without_a_certificate_is_refused_by_tls(served: Served) -> None:
    with pytest.raises((ssl.SSLError, OSError)):
        served.post(ES2 + "downloadOrder", {}, served.trusting(), served.es2_port)


def test_es2plus_with_an_unknown_certificate_is_refused_by_tls(served: Served, tim: Operator, tmp_path: Path) -> None:
    """Also one that says that it is TIM's."""
    stranger = Operator(tmp_path, "tim")
    with pytest.raises((ssl.SSLError, OSError)):
        stranger.asks(served, "downloadOrder", profileType="prepaid")


def test_es2plus_with_a_certificate_of_the_ci_is_refused_by_tls(served: Served) -> None:
    """The CI makes phones and servers; it does not say who may order."""
    context = served.trusting()
    context.load_cert_chain(served.certs / "nist" / "dptls.pem", served.certs / "nist" / "dptls.key")
    with pytest.raises((ssl.SSLError, OSError)):
        served.post(ES2 + "downloadOrder", {}, context, served.es2_port)


def test_es2plus_with_a_certificate_that_ended_is_refused_by_tls(served: Served, tmp_path: Path) -> None:
    old = Operator(tmp_path, "vodafone", days=-1)
    served.lineaviva("smdp", "clients", "add", "vodafone", "--certificate", str(old.certificate))
    with pytest.raises((ssl.SSLError, OSError)):
        old.asks(served, "downloadOrder", profileType="prepaid")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_es2plus_knows_an_operator_by_its_certificate(served: Served, tim: Operator, version: ssl.TLSVersion) -> None:
    context = tim.context(served)
    context.minimum_version = context.maximum_version = version
    header = {"functionRequesterIdentifier": "vodafone", "functionCallIdentifier": "1"}
    body = {"header": header, "iccid": "8939010000000000009"}
    status, document = served.post(ES2 + "releaseProfile", body, context, served.es2_port)
    assert (status, codes(document)) == (200, "8.2.1/3.9")


def test_es9plus_functions_are_not_at_the_es2plus_port(served: Served, tim: Operator) -> None:
    status, _ = served.post(INITIATE, {}, tim.context(served), served.es2_port)
    assert status == 404


def test_who_is_shut_out_orders_nothing_over_an_open_connection(served: Served, tmp_path: Path) -> None:
    ho = Operator(tmp_path, "ho")
    served.lineaviva("smdp", "clients", "add", "ho", "--certificate", str(ho.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", served.es2_port, context=ho.context(served), timeout=PATIENCE)
    header = {"functionRequesterIdentifier": "ho", "functionCallIdentifier": "1"}
    body = json.dumps({"header": header, "iccid": "8939010000000000009"})

    def ask() -> str:
        connection.request("POST", ES2 + "releaseProfile", body, HEADERS)
        return codes(json.loads(connection.getresponse().read()))

    assert ask() == "8.2.1/3.9"
    (served.home / "smdp" / "clients" / "ho.pem").unlink()
    assert ask() == "1.1/1.1"
    connection.close()


# --- the whole way --------------------------------------------------------------------------------------------------


def phone(served: Served) -> Euicc:
    return Euicc(identity.read(served.certs), State())


def download(served: Served, chip: Euicc, matching_id: str, server: wire.Server) -> None:
    wish = lpa.Wish(ActivationCode(f"localhost:{served.port}", matching_id))
    package = lpa._Download(chip, server, wish, clock.now(), lambda *_: None).fetch(lambda: None)
    profile, failed = loading.load(chip, package, clock.now())
    assert profile is not None, failed
    for waiting in chip.state.notifications:
        server.notify(waiting.bytes)


def test_an_operator_orders_and_a_phone_downloads(served: Served, tim: Operator) -> None:
    served.lineaviva("smdp", "import", "--demo", "1", "--type", "one way")
    iccid = tim.asks(served, "downloadOrder", profileType="one way")["iccid"]
    confirmed = tim.asks(served, "confirmOrder", iccid=iccid, releaseFlag=False)
    assert confirmed["smdpAddress"] == f"localhost:{served.port}"
    assert codes(tim.asks(served, "releaseProfile", iccid=iccid)) == "Executed-Success"
    chip = phone(served)
    with wire.Server(f"localhost:{served.port}", wire.trust(chip.identity.authorities)) as server:
        download(served, chip, confirmed["matchingId"], server)
    shown = served.lineaviva("smdp", "show", iccid)
    assert (shown["state"], [one["result"] for one in shown["notices"]]) == ("installed", ["installed"])
    assert codes(tim.asks(served, "cancelOrder", iccid=iccid, finalProfileStatusIndicator="Available")) == "8.2.1/3.3"


def test_the_same_by_hand(served: Served) -> None:
    served.lineaviva("smdp", "import", "--demo", "1", "--type", "by hand")
    ordered = served.lineaviva("smdp", "order", "--type", "by hand")
    assert ordered["activation_code"] == f"LPA:1$localhost:{served.port}${ordered['matching_id']}"
    chip = phone(served)
    with wire.Server(f"localhost:{served.port}", wire.trust(chip.identity.authorities)) as server:
        download(served, chip, ordered["matching_id"], server)
    states = served.lineaviva("smdp", "profiles", "--state", "installed")
    assert ordered["iccid"][-4:] in {one["iccid"][-4:] for one in states["profiles"]}


def test_nothing_of_a_line_is_in_the_logs(served: Served) -> None:
    """After all of the above: no ICCID, EID, matching id or key in clear."""
    logs = "".join(path.read_text(errors="replace") for path in (served.home / "log").iterdir())
    profiles = served.lineaviva("smdp", "profiles")["profiles"]
    assert len(profiles) >= 2
    assert "Traceback" not in logs
    assert phone(served).identity.eid not in logs
    assert "8939010" not in logs


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as found:
        assert is_listening(found.port)
        assert is_listening(found.es2_port)
        assert found.post(INITIATE, {}, found.trusting())[0] == 200
    assert not is_listening(found.port)
    assert not is_listening(found.es2_port)
