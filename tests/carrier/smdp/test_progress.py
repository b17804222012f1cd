"""ES2+.HandleDownloadProgressInfo: what the operator hears of a download, tried until it takes it, under mutual TLS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lineaviva.carrier.smdp import agenda as steps
from lineaviva.carrier.smdp import ca, courier
from lineaviva.carrier.smdp.models import Progress
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.smdp import stock
from tests.carrier.smdp.conftest import MADE
from tests.carrier.smdp.euicc import ADDRESS, Lpa, status, unb64
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, released

Phones = Callable[..., Lpa]


class Operator:
    """TIM's ES2+ server. Keeps what it hears; answers as it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status, self.answer = 204, b""
        operator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operator.heard.append((self.path, dict(self.headers), body))
                self.send_response(operator.status)
                self.send_header("Content-Length", str(len(operator.answer)))
                self.end_headers()
                self.wfile.write(operator.answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def points(self) -> list[tuple[int, str]]:
        """Each point with "Executed-Success" or its code."""
        found = []
        for _, _, body in self.heard:
            outcome = body["notificationPointStatus"]
            data = outcome.get("statusCodeData")
            code = f"{data['subjectCode']}/{data['reasonCode']}" if data else outcome["status"]
            found.append((body["notificationPointId"], code))
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def tim(smdp: None, settings: Any) -> Iterator[Operator]:
    found = Operator()
    settings.SMDP_OPERATOR_URLS = {"tim": f"http://127.0.0.1:{found.port}/"}
    courier.tls.cache_clear()
    yield found
    found.close()
    courier.tls.cache_clear()


def states() -> list[tuple[str, int, str]]:
    return list(Progress.objects.order_by("pk").values_list("state", "tries", "answer"))


def test_the_operator_hears_of_all_four_points(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    now = clock.now()
    released(now, code=stock.CODE)
    phone = lpa()
    phone.download(MATCHING_ID, stock.CODE)
    result = phone.euicc.result(phone.transaction_id, ICCIDS[0])
    phone.notify(result)
    assert tim.heard == []
    assert agenda.run_due(now) == 4
    assert sorted(tim.points()) == [(number, "Executed-Success") for number in (1, 2, 3, 4)]
    path, headers, body = next(heard for heard in tim.heard if heard[2]["notificationPointId"] == 4)
    assert path == "/gsma/rsp2/es2plus/handleDownloadProgressInfo"
    assert (headers["Content-Type"], headers["X-Admin-Protocol"]) == ("application/json", "gsma/rsp/v2.2.2")
    number = Progress.objects.get(point=4).pk
    assert {name: value for name, value in body.items() if name != "resultData"} == {
        "header": {"functionRequesterIdentifier": ADDRESS, "functionCallIdentifier": f"progress-{number}"},
        "eid": phone.euicc.eid,
        "iccid": ICCIDS[0],
        "profileType": "plan",
        "timestamp": "2026-11-22T11:00:00Z",
        "notificationPointId": 4,
        "notificationPointStatus": {"status": "Executed-Success"},
    }
    assert unb64(body["resultData"]) == result
    assert states() == [("told", 1, "answered 204")] * 4
    assert agenda.run_due(now + timedelta(days=30)) == 0


def test_what_went_wrong_has_its_code(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now(), code=stock.CODE)
    phone = lpa()
    for _ in range(3):
        phone.download(MATCHING_ID, "0000")
    agenda.run_due(clock.now())
    assert sorted(tim.points()) == [
        *[(1, "Executed-Success")] * 3,
        *((2, "8.2.7/3.8"), (2, "8.2.7/3.8"), (2, "8.2.7/6.4")),
    ]


@pytest.mark.parametrize(
    ("reason", "code"),
    [(0, "8.8.5/3.8"), (3, "8.2.8/1.2"), (4, "8.2.9/3.11"), (5, "8.2.10/4.2"), (127, "8/4.2")],
)
def test_a_cancelled_session_is_told_by_its_reason(
    tim: Operator, lpa: Phones, clock: FrozenClock, reason: int, code: str
) -> None:
    released(clock.now())
    phone = lpa()
    phone.begin(MATCHING_ID)
    phone.cancel(reason)
    phone.cancel(reason)
    agenda.run_due(clock.now())
    assert sorted(tim.points()) == [(1, "Executed-Success"), (3, code)]


def test_what_is_put_off_is_not_told(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    phone = lpa()
    phone.begin(MATCHING_ID)
    phone.cancel(1)
    agenda.run_due(clock.now())
    assert tim.points() == [(1, "Executed-Success")]


@pytest.mark.parametrize(
    ("order", "lies", "code"),
    [
        pytest.param(stock.BIG, {"memory": b"\1"}, "8.1/4.8", id="memory"),
        pytest.param(
            stock.RULED, {"forbidden": b"\6\x40", "profile_version": b"\3\0\0"}, "8.2.5/4.3", id="eligibility"
        ),
    ],
)
def test_an_euicc_that_cannot_have_it_is_told(
    tim: Operator, lpa: Phones, clock: FrozenClock, order: str, lies: dict[str, Any], code: str
) -> None:
    released(clock.now(), order)
    phone = lpa()
    assert status(phone.begin(MATCHING_ID, info2=phone.euicc.info2(**lies))) == code
    agenda.run_due(clock.now())
    assert tim.points() == [(1, code)]


def test_expiry_and_too_many_attempts_are_told(tim: Operator, lpa: Phones, clock: FrozenClock, settings: Any) -> None:
    settings.SMDP_DOWNLOAD_ATTEMPTS = 1
    phone = lpa()
    released(clock.now())
    phone.begin(MATCHING_ID)
    phone.begin(MATCHING_ID)
    released(clock.now(), ICCIDS[1], matching_id="LATE")
    phone.now += timedelta(days=91)
    phone.begin("LATE")
    agenda.run_due(phone.now)
    assert sorted(tim.points()) == [(1, "8.8.5/4.10"), (1, "8.8.5/6.4"), (1, "Executed-Success")]


def test_an_installation_is_told_once_however_it_is_learned(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    result = phone.euicc.result(phone.transaction_id, ICCIDS[0])
    phone.notify(result)
    phone.notify(result)
    agenda.run_due(clock.now())
    assert [point for point, _ in tim.points()].count(4) == 1


def test_a_failed_installation_is_told_with_its_result(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    phone = lpa()
    phone.download(MATCHING_ID)
    result = phone.euicc.result(phone.transaction_id, ICCIDS[0], error=(5, 8))
    phone.notify(result)
    agenda.run_due(clock.now())
    body = next(body for _, _, body in tim.heard if body["notificationPointId"] == 4)
    assert body["notificationPointStatus"]["statusCodeData"]["subjectCode"] == "8.2.10"
    assert unb64(body["resultData"]) == result


def test_an_operator_without_an_address_hears_of_nothing(lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    lpa().download(MATCHING_ID)
    assert Progress.objects.count() == 0


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (500, b""),
        (404, b"no"),
        (302, b""),
        (200, json.dumps({"header": {"functionExecutionStatus": {"status": "Failed"}}}).encode()),
    ],
)
def test_what_is_not_taken_is_told_again(
    tim: Operator, lpa: Phones, clock: FrozenClock, code: int, answer: bytes
) -> None:
    released(clock.now())
    lpa().begin(MATCHING_ID)
    tim.status, tim.answer = code, answer
    agenda.run_due(clock.now())
    assert states() == [("waiting", 1, f"answered {code}")]
    assert Progress.objects.get().look_at == clock.now() + steps.WAITS[0]
    tim.status, tim.answer = 200, b'{"header": {"functionExecutionStatus": {"status": "Executed-Success"}}}'
    clock.advance(steps.WAITS[0])
    agenda.run_due(clock.now())
    assert states() == [("told", 2, "answered 200")]
    first, second = (body for *_, body in tim.heard)
    assert first == second


def test_it_is_given_up_after_the_last_try_and_shown(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    lpa().begin(MATCHING_ID)
    tim.close()
    for wait in (*steps.WAITS, timedelta(0)):
        agenda.run_due(clock.now())
        clock.advance(wait)
    row = Progress.objects.get()
    assert (row.state, row.tries, row.look_at) == ("waiting", len(steps.WAITS), None)
    assert row.stuck_reason == "Permanent: not taken in 10 tries: ConnectError"
    assert [stuck.pk for stuck in agenda.stuck()] == [row.pk]


def test_an_address_that_was_taken_away_is_shown(tim: Operator, lpa: Phones, clock: FrozenClock, settings: Any) -> None:
    released(clock.now())
    lpa().begin(MATCHING_ID)
    settings.SMDP_OPERATOR_URLS = {}
    agenda.run_due(clock.now())
    assert "LINEAVIVA_SMDP_OPERATOR_URLS" in Progress.objects.get().stuck_reason


def test_an_order_that_is_rolled_back_tells_nothing(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    phone = lpa()
    phone.begin(MATCHING_ID)
    other = lpa()
    other.begin(MATCHING_ID)
    phone.fetch()
    assert status(other.fetch()) == "8.2/3.7"
    assert list(Progress.objects.filter(eid=other.euicc.eid).values_list("point", flat=True)) == [1]


# --- what the phone does with it ------------------------------------------------------------------------------------


def installed(lpa: Phones, clock: FrozenClock) -> Lpa:
    """A phone that has it, of which the operator has heard all there was."""
    released(clock.now())
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCIDS[0]))
    agenda.run_due(clock.now())
    return phone


@pytest.mark.parametrize(("event", "point"), [("enable", 101), ("disable", 102), ("delete", 5)])
def test_what_a_phone_does_with_it_is_told_once(
    tim: Operator, lpa: Phones, clock: FrozenClock, event: str, point: int
) -> None:
    phone = installed(lpa, clock)
    tim.heard.clear()
    raw = phone.euicc.said(event, ICCIDS[0])
    phone.notify(raw)
    phone.notify(raw)
    agenda.run_due(clock.now())
    ((_, _, body),) = tim.heard
    assert body == {
        "header": {
            "functionRequesterIdentifier": ADDRESS,
            "functionCallIdentifier": f"progress-{Progress.objects.get(point=point).pk}",
        },
        "eid": phone.euicc.eid,
        "iccid": ICCIDS[0],
        "profileType": "plan",
        "timestamp": "2026-11-22T11:00:00Z",
        "notificationPointId": point,
        "notificationPointStatus": {"status": "Executed-Success"},
    }


def test_it_is_told_in_the_order_in_which_the_phone_did_it(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    phone = installed(lpa, clock)
    tim.heard.clear()
    for event in ("enable", "disable", "enable", "delete"):
        phone.notify(phone.euicc.said(event, ICCIDS[0]))
    for _ in range(4):
        agenda.run_due(clock.now())
        clock.advance(timedelta(seconds=2))
    assert [point for point, _ in tim.points()] == [101, 102, 101, 5]


def test_one_that_is_not_taken_holds_up_those_after_it_and_no_other_profiles(
    tim: Operator, lpa: Phones, clock: FrozenClock
) -> None:
    phone = installed(lpa, clock)
    released(clock.now(), ICCIDS[1], matching_id="OTHER")
    other = lpa()
    other.download("OTHER")
    agenda.run_due(clock.now())
    tim.heard.clear()
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    tim.status = 500
    agenda.run_due(clock.now())
    tim.status = 204
    tim.heard.clear()
    phone.notify(phone.euicc.said("disable", ICCIDS[0]))
    other.notify(other.euicc.said("enable", ICCIDS[1]))
    agenda.run_due(clock.now())
    assert sorted((body["iccid"], body["notificationPointId"]) for *_, body in tim.heard) == [
        (ICCIDS[1], 4), (ICCIDS[1], 101),
    ]  # fmt: skip
    for _ in range(6):
        clock.advance(timedelta(seconds=2))
        agenda.run_due(clock.now())
    heard = [body["notificationPointId"] for *_, body in tim.heard if body["iccid"] == ICCIDS[0]]
    assert heard == [101, 102]


def test_a_stuck_one_holds_up_nobody(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    phone = installed(lpa, clock)
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    phone.notify(phone.euicc.said("disable", ICCIDS[0]))
    Progress.objects.filter(point=101).update(stuck_reason="nobody answers", look_at=None)
    tim.heard.clear()
    agenda.run_due(clock.now())
    assert [point for point, _ in tim.points()] == [102]


def test_what_was_said_earlier_and_comes_later_is_not_told(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    phone = installed(lpa, clock)
    tim.heard.clear()
    phone.notify(phone.euicc.said("disable", ICCIDS[0], sequence=7))
    phone.notify(phone.euicc.said("enable", ICCIDS[0], sequence=6))
    agenda.run_due(clock.now())
    assert [point for point, _ in tim.points()] == [102]


def test_the_first_word_of_a_phone_may_be_that_it_is_enabled(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    released(clock.now())
    phone = lpa()
    phone.download(MATCHING_ID)
    agenda.run_due(clock.now())
    tim.heard.clear()
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    agenda.run_due(clock.now())
    assert sorted(tim.points()) == [(4, "Executed-Success"), (101, "Executed-Success")]


def test_what_was_never_handed_out_is_not_said_to_be_enabled(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    phone = lpa()
    released(clock.now(), eid=phone.euicc.eid)
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    phone.notify(phone.euicc.said("enable", ICCIDS[1]))
    assert Progress.objects.count() == 0


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        pytest.param(400, b"", id="400"),
        pytest.param(422, b"", id="422"),
        pytest.param(200, b'{"header": {"functionExecutionStatus": {"status": "Failed"}}}', id="failed"),
    ],
)
def test_an_operator_that_does_not_know_the_point_is_not_asked_again(
    tim: Operator, lpa: Phones, clock: FrozenClock, code: int, answer: bytes
) -> None:
    phone = installed(lpa, clock)
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    tim.status, tim.answer = code, answer
    agenda.run_due(clock.now())
    row = Progress.objects.get(point=101)
    assert (row.state, row.tries, row.answer, row.look_at) == ("told", 1, f"answered {code}", None)


def test_a_server_that_is_broken_hears_of_the_phone_later(tim: Operator, lpa: Phones, clock: FrozenClock) -> None:
    phone = installed(lpa, clock)
    phone.notify(phone.euicc.said("enable", ICCIDS[0]))
    tim.status = 503
    agenda.run_due(clock.now())
    row = Progress.objects.get(point=101)
    assert (row.state, row.look_at) == ("waiting", clock.now() + steps.WAITS[0])


# --- TLS ------------------------------------------------------------------------------------------------------------


def test_the_call_is_made_over_mutual_tls(
    tim: Operator, lpa: Phones, clock: FrozenClock, settings: Any, nist: ca.Authority, tmp_path: Path
) -> None:
    def written(name: str, hosts: list[str]) -> Path:
        signer = nist.tls(hosts, now=MADE)
        path = tmp_path / name
        path.write_bytes(ca.certificate_pem(signer) + ca.key_pem(signer))
        return path

    anchor = tmp_path / "ci.pem"
    anchor.write_bytes(ca.certificate_pem(nist.ci))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(anchor))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(written("tim.pem", ["127.0.0.1"]))
    tim.server.socket = context.wrap_socket(tim.server.socket, server_side=True)
    settings.SMDP_OPERATOR_URLS = {"tim": f"https://127.0.0.1:{tim.port}"}
    released(clock.now())
    lpa().begin(MATCHING_ID)
    agenda.run_due(clock.now())
    assert states() == [("waiting", 1, "ConnectError")]
    settings.SMDP_OPERATOR_CA, settings.SMDP_OPERATOR_CERT = str(anchor), str(written("us.pem", ["smdp.test"]))
    courier.tls.cache_clear()
    clock.advance(steps.WAITS[0])
    agenda.run_due(clock.now())
    assert states() == [("told", 2, "answered 204")]
