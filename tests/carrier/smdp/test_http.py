"""ES9+ and ES2+ over HTTP: what reaches a function, how it is answered, and what never does."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest
from django.db import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import http
from lineaviva.carrier.smdp.failures import Failure, Reply, done
from lineaviva.carrier.smdp.http import MOST_BYTES, Door, Environ, Refused
from lineaviva.carrier.smdp.requests import encoded, named

PATH = "/gsma/rsp2/es9plus/initiateAuthentication"
NOTIFY = "/gsma/rsp2/es9plus/handleNotification"


class Heard:
    """A function that keeps what it was called with, and does what the test says."""

    def __init__(self, answer: Reply | Exception) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer

    def __call__(self, function: str, body: dict[str, Any], environ: Environ) -> Reply:
        self.calls.append((function, body))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Answered:
    def __init__(self, door: Door, environ: Environ) -> None:
        def start(status: str, headers: list[tuple[str, str]]) -> None:
            self.status, self.headers = status, dict(headers)

        self.body = b"".join(door(environ, start))
        self.document = json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """Subject and reason code, as "8.1/6.1"; the status where it is no failure."""
        status = self.document["header"]["functionExecutionStatus"]
        data = status.get("statusCodeData")
        return f"{data['subjectCode']}/{data['reasonCode']}" if data else str(status["status"])


def request(body: bytes = b"{}", path: str = PATH, method: str = "POST", **changed: str | None) -> Environ:
    environ: Environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_ADMIN_PROTOCOL": "gsma/rsp/v2.2.2",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in changed.items():
        if value is None:
            del environ[name]
        else:
            environ[name] = value
    return environ


def door(answer: Reply | Exception | None = None) -> tuple[Door, Heard]:
    heard = Heard(done({"said": "yes"}) if answer is None else answer)
    return Door(http.ES9PLUS, http.ES9PLUS_FUNCTIONS, heard), heard


def test_a_function_is_called_and_answered() -> None:
    entry, heard = door()
    answered = Answered(entry, request(b'{"smdpAddress": "a"}'))
    assert answered.status == "200 OK"
    assert answered.headers == {
        "X-Admin-Protocol": "gsma/rsp/v2.2.2",
        "Content-Type": "application/json",
        "Content-Length": str(len(answered.body)),
    }
    assert answered.document == {
        "header": {"functionExecutionStatus": {"status": "Executed-Success"}},
        "said": "yes",
    }
    assert heard.calls == [("initiateAuthentication", {"smdpAddress": "a"})]


def test_a_package_is_answered_as_any_other_text() -> None:
    entry, _ = door(done({"transactionId": "00FF", "boundProfilePackage": "vzY+/w==", "more": 'a "b"'}))
    answered = Answered(entry, request())
    header = {"functionExecutionStatus": {"status": "Executed-Success"}}
    rest = {"transactionId": "00FF", "boundProfilePackage": "vzY+/w==", "more": 'a "b"'}
    assert answered.document == {"header": header, **rest}


def test_a_notification_is_answered_with_204_and_nothing() -> None:
    entry, heard = door(Reply(204, None))
    answered = Answered(entry, request(path=NOTIFY))
    assert (answered.status, answered.body) == ("204 No Content", b"")
    # The type, too: pySim's client asks for it whatever the status.
    assert answered.headers == {"X-Admin-Protocol": "gsma/rsp/v2.2.2", "Content-Type": "application/json"}
    assert heard.calls == [("handleNotification", {})]


@pytest.mark.parametrize("function", http.ES9PLUS_FUNCTIONS)
def test_every_function_of_es9plus_has_its_path(function: str) -> None:
    entry, heard = door()
    assert Answered(entry, request(path=f"/gsma/rsp2/es9plus/{function}")).status == "200 OK"
    assert heard.calls == [(function, {})]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gsma/rsp/v2.0.0", "gsma/rsp/v2.0.0"),
        ("gsma/rsp/v2.2.2", "gsma/rsp/v2.2.2"),
        ("gsma/rsp/v2.1", "gsma/rsp/v2.1.0"),
        ("gsma/rsp/v2.5.0", "gsma/rsp/v2.5.0"),
        ("gsma/rsp/v2.9.1", "gsma/rsp/v2.5.0"),
        (" gsma/rsp/v2.3.0 ", "gsma/rsp/v2.3.0"),
    ],
)
def test_x_admin_protocol_is_answered_with_the_lower_version(asked: str, answered: str) -> None:
    entry, _ = door()
    assert Answered(entry, request(HTTP_X_ADMIN_PROTOCOL=asked)).headers["X-Admin-Protocol"] == answered


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (None, "1.3.1/2.2"),
        ("", "1.3.1/2.2"),
        ("gsma/rsp/v<x.y.z>", "1.3.1/2.2"),
        ("gsma/rsp/2.2.2", "1.3.1/2.2"),
        ("gsma/rsp/v2.2.2.2", "1.3.1/2.2"),
        ("gsma/rsp/v22222.2.2", "1.3.1/2.2"),
        ("gsma/rsp/v9.9.9", "1.3.2/3.1"),
        ("gsma/rsp/v1.0.0", "1.3.2/3.1"),
        ("gsma/rsp/v3.0.0", "1.3.2/3.1"),
    ],
)
def test_x_admin_protocol_is_checked(asked: str | None, code: str) -> None:
    entry, heard = door()
    answered = Answered(entry, request(HTTP_X_ADMIN_PROTOCOL=asked))
    assert (answered.status, answered.code, heard.calls) == ("200 OK", code, [])
    assert answered.headers["X-Admin-Protocol"] == "gsma/rsp/v2.5.0"


WRONG = [
    ("other path", request(path="/"), "404 Not Found", "1.6/3.9"),
    ("other function", request(path="/gsma/rsp2/es9plus/x"), "404 Not Found", "1.6/3.9"),
    ("function of the other interface", request(path="/gsma/rsp2/es2plus/confirmOrder"), "404 Not Found", "1.6/3.9"),
    ("slash behind", request(path=PATH + "/"), "404 Not Found", "1.6/3.9"),
    ("other case", request(path=PATH.lower()), "404 Not Found", "1.6/3.9"),
    ("odd letters", request(path="/gsma/rsp2/es9plus/\xff\x00"), "404 Not Found", "1.6/3.9"),
    ("GET", request(method="GET"), "405 Method Not Allowed", "1.3.1/2.1"),
    ("PUT", request(method="PUT"), "405 Method Not Allowed", "1.3.1/2.1"),
    ("no type", request(CONTENT_TYPE=None), "415 Unsupported Media Type", "1.3.1/2.1"),
    (
        "form",
        request(CONTENT_TYPE="application/x-www-form-urlencoded"),
        "415 Unsupported Media Type",
        "1.3.1/2.1",
    ),
    ("no length", request(CONTENT_LENGTH=None), "411 Length Required", "1.3.1/2.2"),
    ("length no number", request(CONTENT_LENGTH="two"), "411 Length Required", "1.3.1/2.2"),
    ("negative length", request(CONTENT_LENGTH="-1"), "411 Length Required", "1.3.1/2.2"),
    ("length of other digits", request(CONTENT_LENGTH="²"), "411 Length Required", "1.3.1/2.2"),
    ("too long", request(b" " * (MOST_BYTES + 1)), "413 Content Too Large", "1.3.1/2.1"),
    ("says far too long", request(CONTENT_LENGTH="9" * 40), "413 Content Too Large", "1.3.1/2.1"),
    (
        "too long in chunks",
        request(b" " * (MOST_BYTES + 9), CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"),
        "413 Content Too Large",
        "1.3.1/2.1",
    ),
    ("cut off", request(b"{}", CONTENT_LENGTH="9"), "408 Request Timeout", "1.3.1/2.1"),
    ("empty", request(b""), "400 Bad Request", "1.3.1/2.1"),
    ("not JSON", request(b"{"), "400 Bad Request", "1.3.1/2.1"),
    ("no text", request(b"\xff\xfe{}"), "400 Bad Request", "1.3.1/2.1"),
    ("a list", request(b"[]"), "400 Bad Request", "1.3.1/2.1"),
    ("null", request(b"null"), "400 Bad Request", "1.3.1/2.1"),
    ("a number of many digits", request(b"1" * 5000), "400 Bad Request", "1.3.1/2.1"),
    ("nested too deep", request(b"[" * 60_000), "400 Bad Request", "1.3.1/2.1"),
    ("objects nested too deep", request(b'{"a":' * 12_000), "400 Bad Request", "1.3.1/2.1"),
]


@pytest.mark.parametrize(("environ", "status", "code"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_no_call_reaches_no_function(environ: Environ, status: str, code: str) -> None:
    entry, heard = door()
    # A case is used once: its body is read.
    answered = Answered(entry, {**environ, "wsgi.input": io.BytesIO(environ["wsgi.input"].getvalue())})
    assert (answered.status, answered.code, heard.calls) == (status, code, [])
    assert answered.document["header"]["functionExecutionStatus"]["status"] == "Failed"
    assert answered.headers["X-Admin-Protocol"].startswith("gsma/rsp/v2.")


def test_only_post_is_named_as_allowed() -> None:
    entry, _ = door()
    assert Answered(entry, request(method="GET")).headers["Allow"] == "POST"


def test_a_body_in_chunks_is_read() -> None:
    entry, heard = door()
    environ = request(b'{"a": 1}', CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked")
    assert Answered(entry, environ).status == "200 OK"
    assert heard.calls == [("initiateAuthentication", {"a": 1})]


def test_a_type_with_a_charset_is_json() -> None:
    entry, _ = door()
    assert Answered(entry, request(CONTENT_TYPE="Application/JSON; charset=UTF-8")).status == "200 OK"


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError("gone")


def test_a_phone_that_goes_away_is_no_error() -> None:
    entry, heard = door()
    answered = Answered(entry, {**request(), "wsgi.input": Broken()})
    assert (answered.status, heard.calls) == ("408 Request Timeout", [])


# --- what no function foresaw -----------------------------------------------------------------------------------------

SECRET = "K2-1F2E3D4C"


@pytest.mark.parametrize(
    ("path", "status"), [(PATH, "200 OK"), (NOTIFY, "503 Service Unavailable")], ids=["call", "notification"]
)
def test_an_error_that_nobody_foresaw_is_an_answer_and_a_log_line_without_secrets(
    path: str, status: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A notification is to be sent again: the phone forgets what was answered with 2xx."""
    entry, _ = door(RuntimeError(f"matchingId {SECRET}"))
    answered = Answered(entry, request(path=path))
    assert (answered.status, answered.code) == (status, Failure.PROVIDER_BROKEN.value.short)
    said = capsys.readouterr()
    logged = caplog.text + said.out + said.err
    assert "smdp_unforeseen" in logged
    assert "RuntimeError" in logged
    assert SECRET not in logged + answered.body.decode()
    assert "Traceback" not in logged + answered.body.decode()


@pytest.mark.parametrize("path", [PATH, NOTIFY], ids=["call", "notification"])
@pytest.mark.django_db
def test_a_database_that_is_away_is_told_with_when_to_come_again(path: str) -> None:
    entry, _ = door(DatabaseError("away"))
    answered = Answered(entry, request(path=path))
    assert (answered.status, answered.code) == ("503 Service Unavailable", Failure.PROVIDER_BROKEN.value.short)
    assert answered.headers["Retry-After"] == "5"


def test_a_refusal_of_the_interface_itself_is_passed_on() -> None:
    entry, _ = door(Refused(404, Failure.FUNCTION_UNKNOWN))
    assert Answered(entry, request()).status == "404 Not Found"


# --- who asks over ES2+ -----------------------------------------------------------------------------------------------


def es2(operator: str | None) -> Answered:
    environ = request(b'{"iccid": 1}', path="/gsma/rsp2/es2plus/releaseProfile")
    if operator is not None:
        environ["lineaviva.operator"] = operator
    return Answered(http.es2_application, environ)


@pytest.mark.parametrize("operator", [None, ""], ids=["no TLS of ours", "a certificate of nobody"])
def test_es2plus_is_for_operators_only(operator: str | None) -> None:
    assert es2(operator).code == Failure.REQUESTER_UNKNOWN.value.short


def test_es2plus_knows_the_operator_from_the_certificate_not_from_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def handle(function: str, requester: Any, body: dict[str, Any], now: Any) -> Reply:
        seen.extend([function, requester.operator])
        return done({})

    monkeypatch.setattr(http.es2plus, "handle", handle)
    assert es2("tim").code == "Executed-Success"
    assert seen == ["releaseProfile", "tim"]


# --- the database between calls ---------------------------------------------------------------------------------------


def test_a_connection_is_looked_at_after_a_rest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    clock = [100.0]
    monkeypatch.setattr(http.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(http, "connection", Looked(looked, clock))
    monkeypatch.setattr(http, "_used", type("Used", (), {})())
    for clock[0] in (100.0, 101.0, 107.0, 107.1, 120.0):
        http._connection_fresh()
    assert looked == [107.0, 120.0]


class Looked:
    def __init__(self, looked: list[float], clock: list[float]) -> None:
        self._looked, self._clock = looked, clock

    def close_if_unusable_or_obsolete(self) -> None:
        self._looked.append(self._clock[0])


@pytest.mark.parametrize("failure", Failure)
def test_a_refusal_is_short_enough_for_an_lpa(failure: Failure) -> None:
    """lpac keeps 8 characters of a code and 128 of a message, and its earlier versions forget to end a longer one."""
    subject, reason, message = failure.value
    assert len(subject) <= 8
    assert len(reason) <= 8
    assert len(message) <= 128
    assert message.isascii()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.sampled_from(["", " ", "\r\n\t"]))
def test_json_is_read_as_the_library_reads_it(value: Any, encoding: str, space: str) -> None:
    text = space + json.dumps({"a": value}, ensure_ascii=False) + space
    assert http._read(text.encode(encoding, "surrogatepass")) == {"a": value}


@given(st.binary(max_size=20) | st.text(alphabet='{}[]",:1aé \x00').map(str.encode))
def test_what_is_no_json_is_none(body: bytes) -> None:
    try:
        expected = json.loads(body)
    except ValueError:
        with pytest.raises(ValueError, match=r".*"):
            http._read(body)
    else:
        assert http._read(body) == expected or expected != expected


@given(st.dictionaries(st.text(max_size=3).filter(lambda name: name.isalnum()), VALUES), st.binary(max_size=40))
def test_what_is_answered_is_what_the_library_would_write(payload: dict[str, Any], data: bytes) -> None:
    body = done({**payload, "package": encoded(data), "transactionId": named(data)}).body
    assert body is not None
    assert json.loads(http._json(body)) == json.loads(json.dumps(body))
    assert json.loads(http._json(body))["package"] == b64encode(data).decode()
