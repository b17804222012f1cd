"""A hundred and more wrong inputs on ES9+ and ES2+: each gets its own subject and reason code and changes nothing.

Each case takes the right request apart and spoils one thing in it. What is signed is signed again afterwards where that
is the point: then only the lie is wrong, not the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from lineaviva.carrier.smdp import crypto, der, es2plus, es9plus
from lineaviva.carrier.smdp.es2plus import Requester
from lineaviva.carrier.smdp.failures import Failure
from tests.carrier.smdp import stock
from tests.carrier.smdp.euicc import ADDRESS, CHALLENGE, Lpa, b64, flipped, status, unb64
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, everything, released

Phones = Callable[..., Lpa]
Body = dict[str, Any]
GONE = object()
FORMAT, MISSING, TRANSACTION = "1.3.1/2.1", "1.3.1/2.2", "8.10.1/3.9"
EUICC, GAVE_UP = "8.1/6.1", "8.1/4.2"


class Case(NamedTuple):
    """`spoil` changes the right body, or gives the value of `field` that is wrong."""

    name: str
    code: str
    field: str
    spoil: Any


def spoiled(body: Body, case: Case, phone: Lpa | None = None) -> Body:
    value = case.spoil(phone, body[case.field]) if callable(case.spoil) else case.spoil
    changed = {name: found for name, found in body.items() if name != case.field}
    return changed if value is GONE else {**changed, case.field: value}


def texts(field: str, missing: str = MISSING, malformed: str = FORMAT) -> list[Case]:
    """What is wrong in any text."""
    return [
        Case("missing", missing, field, GONE),
        Case("null", missing, field, None),
        Case("number", malformed, field, 17),
        Case("list", malformed, field, ["a"]),
        Case("object", malformed, field, {"a": 1}),
        Case("yes", malformed, field, True),
        Case("endless", malformed, field, "A" * 70_000),
    ]


def der_values(field: str) -> list[Case]:
    """What is wrong in any DER value in base64."""
    return [
        *texts(field),
        Case("empty", FORMAT, field, ""),
        Case("no base64", FORMAT, field, "*_*"),
        Case("base64 without its padding", FORMAT, field, lambda _, text: text.rstrip("=") + "A"),
        Case("Chinese", FORMAT, field, "手机"),
        Case("another tag", FORMAT, field, b64(der.write(0x31, b""))),
        Case("cut off", FORMAT, field, lambda _, text: b64(unb64(text)[:-1])),
        Case("something behind", FORMAT, field, lambda _, text: b64(unb64(text) + b"\0")),
        Case("indefinite length", FORMAT, field, lambda _, text: b64(unb64(text)[:2] + b"\x80" + unb64(text)[3:])),
        Case("nothing in it", FORMAT, field, lambda _, text: b64(der.write(der.read(unb64(text)).tag))),
    ]


def ids(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.field}: {case.name}") for case in cases])


def refused(code: str, reply: Any, before: Any) -> None:
    assert status(reply) == code
    assert everything() == before


# --- initiateAuthentication -----------------------------------------------------------------------------------------


def info1(**lies: Any) -> Callable[[Lpa, str], str]:
    return lambda phone, _: b64(phone.euicc.info1(**lies))


INITIATE = [
    *texts("smdpAddress"),
    Case("another", "8.8.1/3.8", "smdpAddress", "smdp.example"),
    Case("empty", "8.8.1/3.8", "smdpAddress", ""),
    Case("another port", "8.8.1/3.8", "smdpAddress", ADDRESS + "1"),
    Case("an address", "8.8.1/3.8", "smdpAddress", f"https://{ADDRESS}/"),
    *texts("euiccChallenge"),
    Case("15 bytes", FORMAT, "euiccChallenge", b64(CHALLENGE[1:])),
    Case("17 bytes", FORMAT, "euiccChallenge", b64(CHALLENGE + b"\0")),
    Case("hex", FORMAT, "euiccChallenge", CHALLENGE.hex()),
    *der_values("euiccInfo1"),
    Case("version 1", "8.8.3/3.1", "euiccInfo1", info1(svn=b"\1\0\0")),
    Case("version 3", "8.8.3/3.1", "euiccInfo1", info1(svn=b"\3\0\0")),
    Case("version of two bytes", FORMAT, "euiccInfo1", info1(svn=b"\2\2")),
    Case("signs under nothing", "8.8.2/3.1", "euiccInfo1", info1(signing=[])),
    Case("signs under another CI", "8.8.2/3.1", "euiccInfo1", info1(signing=[bytes(20)])),
    Case("verifies nothing", "8.8.4/3.7", "euiccInfo1", info1(verification=[])),
    Case("verifies another CI", "8.8.4/3.7", "euiccInfo1", info1(verification=[bytes(20)])),
    Case("EUICCInfo2", FORMAT, "euiccInfo1", lambda phone, _: b64(phone.euicc.info2())),
    Case(
        "key ids that are numbers",
        FORMAT,
        "euiccInfo1",
        b64(der.write(0xBF20, der.write(0x82, b"\2\2\0"), der.write(0xA9, b"\2\1\0"), der.write(0xAA))),
    ),
    Case("no version", FORMAT, "euiccInfo1", b64(der.write(0xBF20, der.write(0xA9), der.write(0xAA)))),
]


@ids(INITIATE)
def test_initiate_authentication(lpa: Phones, now: datetime, case: Case) -> None:
    phone = lpa()
    right = {"euiccChallenge": b64(CHALLENGE), "euiccInfo1": b64(phone.euicc.info1()), "smdpAddress": ADDRESS}
    assert status(phone.call("initiateAuthentication", right)) == "Executed-Success"
    before = everything()
    refused(case.code, phone.call("initiateAuthentication", spoiled(right, case, phone)), before)


# --- authenticateClient ---------------------------------------------------------------------------------------------


def response(matching_id: str | None = MATCHING_ID, **lies: Any) -> Callable[[Lpa, str], str]:
    """An answer whose signature is right and whose content lies."""

    def spoil(phone: Lpa, _: str) -> str:
        made = {name: lie(phone) if callable(lie) else lie for name, lie in lies.items()}
        return b64(phone.euicc.authenticate(phone.initiated, matching_id, **made))

    return spoil


def info2(**lies: Any) -> Callable[[Lpa], bytes]:
    return lambda phone: phone.euicc.info2(**lies)


def answer(*content: bytes) -> str:
    return b64(der.write(0xBF38, *content))


TRANSACTIONS = [
    *texts("transactionId"),
    Case("empty", TRANSACTION, "transactionId", ""),
    Case("no hex", TRANSACTION, "transactionId", "zz" * 16),
    Case("half a byte", TRANSACTION, "transactionId", lambda _, text: text[:-1]),
    Case("longer", TRANSACTION, "transactionId", lambda _, text: text + "00"),
    Case("shorter", TRANSACTION, "transactionId", lambda _, text: text[:-2]),
    Case("another", TRANSACTION, "transactionId", lambda _, text: flipped(bytes.fromhex(text)).hex()),
    Case("of another time", TRANSACTION, "transactionId", lambda _, text: flipped(bytes.fromhex(text), 2).hex()),
    Case("with blanks", TRANSACTION, "transactionId", lambda _, text: " ".join((text[:16], text[16:]))),
]
AUTHENTICATE = [
    *TRANSACTIONS,
    *der_values("authenticateServerResponse"),
    *(
        Case(name, code, "authenticateServerResponse", spoil)
        for name, code, spoil in (
            ("a choice that is none", FORMAT, answer(der.write(0xA2))),
            ("two choices", FORMAT, answer(der.write(0xA0), der.write(0xA1))),
            ("nothing that is well", FORMAT, answer(der.write(0xA0))),
            ("no certificates", FORMAT, answer(der.write(0xA0, der.write(0x30), der.write(0x5F37)))),
            ("an error without a code", FORMAT, answer(der.write(0xA1, der.write(0x80, b"\0")))),
            ("an error", GAVE_UP, answer(der.write(0xA1, der.write(0x80, b"\0"), der.integer(2)))),
            ("a CI that it does not know", "8.11.1/3.9", answer(der.write(0xA1, der.integer(7)))),
            ("a wrong signature", EUICC, response(signature=der.write(0x5F37, bytes(64)))),
            ("a signature of 63 bytes", EUICC, response(signature=der.write(0x5F37, bytes(63)))),
            ("no signature", FORMAT, response(signature=der.write(0x5F38, bytes(64)))),
            ("an empty signature", EUICC, response(signature=der.write(0x5F37))),
            ("a DER signature", EUICC, response(signature=der.write(0x5F37, b"\x30\x44" + bytes(68)))),
            ("another transaction", TRANSACTION, response(transaction_id=bytes(16))),
            ("no transaction", TRANSACTION, response(transaction_id=b"")),
            ("another address", EUICC, response(address="smdp.example")),
            ("another challenge", EUICC, response(challenge=bytes(16))),
            ("half a challenge", EUICC, response(challenge=bytes(8))),
            ("another version", EUICC, response(info2=info2(svn=b"\2\1\0"))),
            ("a version that is not supported", "8.8.3/3.1", response(info2=info2(svn=b"\1\0\0"))),
            ("a version of two bytes", FORMAT, response(info2=info2(svn=b"\2\1"))),
            ("signs under nothing now", "8.8.2/3.1", response(info2=info2(signing=[]))),
            ("verifies nothing now", "8.8.4/3.7", response(info2=info2(verification=[]))),
            ("a package version of a byte", FORMAT, response(info2=info2(profile_version=b"\2"))),
            ("rules that are no bits", FORMAT, response(info2=info2(forbidden=b""))),
            ("EUICCInfo1", FORMAT, response(info2=lambda phone: phone.euicc.info1())),
            ("no context", FORMAT, response(context=b"")),
            ("no device", FORMAT, response(context=der.write(0xA0, der.utf8(MATCHING_ID, 0x80)))),
            ("signs nothing", FORMAT, response(signed=der.write(0x30))),
            ("signs something else", TRANSACTION, response(signed=der.write(0x30, der.write(0x80, b"\1")))),
            ("a certificate that is none", "8.1.3/6.1", response(certificate=der.write(0x30))),
            ("an EUM certificate that is none", "8.1.2/6.1", response(eum=der.write(0x30))),
            ("its own as the EUM's", "8.11.1/3.9", response(eum=lambda phone: phone.euicc.certificate)),
            ("the EUM's as its own", "8.1.3/6.1", response(certificate=lambda phone: phone.euicc.eum)),
            ("a forged certificate", "8.1.3/6.1", response(certificate=lambda phone: flipped(phone.euicc.certificate))),
            ("a forged EUM certificate", "8.1.2/6.1", response(eum=lambda phone: flipped(phone.euicc.eum))),
            ("another matching id", "8.2.6/3.8", response("ABCDE")),
            ("a long matching id", "8.2.6/3.8", response("A" * 3000)),
            ("a matching id of another order's EID", "8.1.1/3.8", response("LINKED")),
            ("a matching id that is not released", "8.2/1.2", response("CONFIRMED")),
            ("no matching id", "8.2.6/3.8", response(None)),
            ("an empty matching id", "8.2.6/3.8", response("")),
            ("a matching id with a NUL", "8.2.6/3.8", response("A\0B")),
            ("a matching id in Chinese", "8.2.6/3.8", response("手机")),
            ("too little memory", "8.1/4.8", response("BIG", info2=info2(memory=b"\1"))),
            ("rules that it forbids", "8.2.5/4.3", response("RULED", info2=info2(forbidden=b"\6\x40"))),
        )
    ),
    Case(
        "a matching id that is no text",
        FORMAT,
        "authenticateServerResponse",
        response(context=der.write(0xA0, der.write(0x80, b"\xff"), der.write(0xA1))),
    ),
    Case(
        "two matching ids",
        FORMAT,
        "authenticateServerResponse",
        response(context=der.write(0xA0, der.write(0x80, b"A"), der.write(0x80, b"B"), der.write(0xA1))),
    ),
    Case(
        "the answer of another eUICC",
        EUICC,
        "authenticateServerResponse",
        lambda phone, text: b64(
            unb64(text).replace(phone.euicc.sign(b"")[3:9], b"").replace(phone.proof[3:], bytes(64))
        ),
    ),
]


@pytest.fixture
def orders(smdp: None, now: datetime) -> None:
    released(now)
    released(now, ICCIDS[1], matching_id="LINKED", eid="89049032123451234512345678901235")
    released(now, ICCIDS[2], matching_id="CONFIRMED", release=False)
    released(now, stock.BIG, matching_id="BIG")
    released(now, stock.RULED, matching_id="RULED")


@ids(AUTHENTICATE)
def test_authenticate_client(lpa: Phones, orders: None, case: Case) -> None:
    phone = lpa()
    phone.initiate()
    right = phone.euicc.authenticate(phone.initiated, MATCHING_ID)
    phone.proof = der.children(der.children(der.read(right))[0])[1].raw
    body = {"transactionId": phone.initiated["transactionId"], "authenticateServerResponse": b64(right)}
    before = everything()
    refused(case.code, phone.call("authenticateClient", spoiled(body, case, phone)), before)
    # It was only that one thing that was wrong.
    assert status(phone.call("authenticateClient", body)) == "Executed-Success"


# --- getBoundProfilePackage -----------------------------------------------------------------------------------------


def prepared(**lies: Any) -> Callable[[Lpa, str], str]:
    def spoil(phone: Lpa, _: str) -> str:
        otpk = lies.get("otpk", phone.otpk)
        rest = {name: lie for name, lie in lies.items() if name != "otpk"}
        return b64(phone.euicc.prepare(phone.authenticated, otpk, **rest))

    return spoil


PREPARE = [
    *TRANSACTIONS,
    *der_values("prepareDownloadResponse"),
    *(
        Case(name, code, "prepareDownloadResponse", spoil)
        for name, code, spoil in (
            ("a choice that is none", FORMAT, b64(der.write(0xBF21, der.write(0xA2)))),
            ("nothing that is well", FORMAT, b64(der.write(0xBF21, der.write(0xA0)))),
            ("an error", GAVE_UP, b64(der.write(0xBF21, der.write(0xA1, der.write(0x80, b"\0"), der.integer(1))))),
            ("an error without a code", FORMAT, b64(der.write(0xBF21, der.write(0xA1)))),
            ("a wrong signature", EUICC, prepared(signature=der.write(0x5F37, bytes(64)))),
            ("a short signature", EUICC, prepared(signature=der.write(0x5F37, bytes(3)))),
            ("no signature", FORMAT, prepared(signature=b"")),
            ("signed with another server's answer", EUICC, prepared(smdp_signature=der.write(0x5F37, bytes(64)))),
            ("another transaction", TRANSACTION, prepared(transaction_id=bytes(16))),
            ("signs nothing", FORMAT, prepared(signed=der.write(0x30))),
            ("no one-time key", EUICC, prepared(otpk=b"")),
            ("a one-time key that is no point", EUICC, prepared(otpk=b"\x04" + bytes(64))),
            ("a point off the curve", EUICC, prepared(otpk=b"\x04" + b"\x01" * 64)),
            ("a compressed point", EUICC, prepared(otpk=b"\x02" + b"\x01" * 32)),
            ("a point of the other curve", EUICC, prepared(otpk=crypto.otpk_make(crypto.BRAINPOOL)[1])),
            ("no confirmation code", "8.2.7/2.2", prepared()),
        )
    ),
]


@ids(PREPARE)
def test_get_bound_profile_package(lpa: Phones, now: datetime, case: Case) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    phone.begin(MATCHING_ID)
    phone.otpk = crypto.otpk_make(phone.euicc.curve)[1]
    right = phone.euicc.prepare(phone.authenticated, phone.otpk, stock.CODE)
    body = {"transactionId": phone.initiated["transactionId"], "prepareDownloadResponse": b64(right)}
    before = everything()
    refused(case.code, phone.call("getBoundProfilePackage", spoiled(body, case, phone)), before)
    assert status(phone.call("getBoundProfilePackage", body)) == "Executed-Success"


# --- cancelSession --------------------------------------------------------------------------------------------------


def cancelled(**lies: Any) -> Callable[[Lpa, str], str]:
    return lambda phone, _: b64(phone.euicc.cancel(lies.get("transaction_id", phone.transaction_id), 0, **rest(lies)))


def rest(lies: Body) -> Body:
    return {name: lie for name, lie in lies.items() if name != "transaction_id"}


CANCEL = [
    *TRANSACTIONS,
    *der_values("cancelSessionResponse"),
    *(
        Case(name, code, "cancelSessionResponse", spoil)
        for name, code, spoil in (
            ("a choice that is none", FORMAT, b64(der.write(0xBF41, der.write(0xA1)))),
            ("nothing that is well", FORMAT, b64(der.write(0xBF41, der.write(0xA0)))),
            ("an error", GAVE_UP, b64(der.write(0xBF41, der.integer(127, 0x81)))),
            ("a transaction that it does not know", TRANSACTION, b64(der.write(0xBF41, der.integer(5, 0x81)))),
            ("an error that is no number", FORMAT, b64(der.write(0xBF41, der.write(0x81)))),
            ("a wrong signature", EUICC, cancelled(signature=der.write(0x5F37, bytes(64)))),
            ("no signature", FORMAT, cancelled(signature=b"")),
            ("another transaction", TRANSACTION, cancelled(transaction_id=bytes(16))),
            ("another server", "8.8/3.10", cancelled(oid="2.999.11")),
        )
    ),
]


@ids(CANCEL)
def test_cancel_session(lpa: Phones, now: datetime, case: Case) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    right = phone.euicc.cancel(phone.transaction_id, 0)
    body = {"transactionId": phone.initiated["transactionId"], "cancelSessionResponse": b64(right)}
    before = everything()
    refused(case.code, phone.call("cancelSession", spoiled(body, case, phone)), before)
    assert status(phone.call("cancelSession", body)) == "Executed-Success"


# --- ES2+ -----------------------------------------------------------------------------------------------------------

EID = "89049032123451234512345678901235"
HEADER = {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": "1"}
HEADERS = [
    Case("missing", MISSING, "header", GONE),
    Case("null", MISSING, "header", None),
    Case("text", FORMAT, "header", "TIM"),
    Case("empty", MISSING, "header", {}),
    Case("no call", MISSING, "header", {"functionRequesterIdentifier": "TIM"}),
    Case("call is a number", FORMAT, "header", {**HEADER, "functionCallIdentifier": 1}),
]
ICCID = [
    Case("missing", MISSING, "iccid", GONE),
    Case("number", FORMAT, "iccid", 8939010000000000001),
    Case("18 digits", "8.2.1/2.1", "iccid", ICCIDS[0][:-1]),
    Case("21 digits", "8.2.1/2.1", "iccid", ICCIDS[0] + "00"),
    Case("letters", "8.2.1/2.1", "iccid", "A" * 19),
    Case("other digits", "8.2.1/2.1", "iccid", "٨" * 19),
    Case("empty", "8.2.1/2.1", "iccid", ""),
    Case("with a line end", "8.2.1/2.1", "iccid", ICCIDS[0] + "\n"),
    Case("unknown", "8.2.1/3.9", "iccid", "8939010000000007771"),
    Case("of another operator", "8.2.1/1.2", "iccid", stock.OTHER),
]
EIDS = [
    Case("number", FORMAT, "eid", 89),
    Case("31 digits", "8.1.1/2.1", "eid", EID[1:]),
    Case("33 digits", "8.1.1/2.1", "eid", EID + "0"),
    Case("letters", "8.1.1/2.1", "eid", "X" * 32),
    Case("empty", "8.1.1/2.1", "eid", ""),
]
MATCHING_IDS = [
    Case("number", FORMAT, "matchingId", 5),
    Case("small letters", "8.2.6/2.1", "matchingId", "abc"),
    Case("a dollar", "8.2.6/2.1", "matchingId", "A$B"),
    Case("a blank", "8.2.6/2.1", "matchingId", "A B"),
    Case("too long", "8.2.6/2.1", "matchingId", "A" * 256),
]
FINAL = [
    Case("missing", MISSING, "finalProfileStatusIndicator", GONE),
    Case("another word", FORMAT, "finalProfileStatusIndicator", "Installed"),
    Case("small letters", FORMAT, "finalProfileStatusIndicator", "available"),
    Case("yes", FORMAT, "finalProfileStatusIndicator", True),
]
ORDER = [
    *HEADERS,
    *(case for case in ICCID if case.name != "missing"),
    *EIDS,
    Case("neither it nor a type", "1.3.1/2.3", "iccid", GONE),
    Case("number", FORMAT, "eid", 5.5),
]
CONFIRM = [
    *HEADERS,
    *ICCID,
    *EIDS,
    *MATCHING_IDS,
    Case("in use", "8.2.6/3.3", "matchingId", "USED"),
    Case("another", "8.1.1/3.10", "eid", EID[:-1] + "6"),
    Case("missing", MISSING, "releaseFlag", GONE),
    Case("text", FORMAT, "releaseFlag", "true"),
    Case("number", FORMAT, "releaseFlag", 1),
    Case("number", FORMAT, "confirmationCode", 1234),
    Case("empty", "8.2.7/2.1", "confirmationCode", ""),
    Case("too long", "8.2.7/2.1", "confirmationCode", "1" * 256),
    Case("half a character", FORMAT, "confirmationCode", "\ud83d"),
    Case("a NUL", FORMAT, "confirmationCode", "1\0"),
    Case("given", "8.9/5.1", "smdsAddress", "smds.test"),
    Case("number", FORMAT, "smdsAddress", 7),
]
RELEASE = [*HEADERS, *ICCID, Case("in stock", "8.2.1/3.5", "iccid", ICCIDS[5])]
CANCEL_ORDER = [
    *HEADERS,
    *ICCID,
    *EIDS,
    *MATCHING_IDS,
    *FINAL,
    Case("another", "8.1.1/3.10", "eid", EID[:-1] + "6"),
    Case("another", "8.2.6/3.10", "matchingId", "OTHER"),
    Case("in stock", "8.2.1/3.5", "iccid", ICCIDS[5]),
]
BY_TYPE = [
    Case("missing", "1.3.1/2.3", "profileType", GONE),
    Case("number", FORMAT, "profileType", 5),
    Case("half a character", FORMAT, "profileType", "\udc00"),
    Case("a NUL", FORMAT, "profileType", "plan\0"),
    Case("empty", "1.3.1/2.3", "profileType", ""),
    Case("unknown", "8.2.5/3.9", "profileType", "gold"),
    Case("of an ICCID of another type", "8.2.5/3.8", "iccid", stock.BIG),
]
ES2PLUS: dict[str, tuple[Body, list[Case]]] = {
    "downloadOrder": ({"iccid": ICCIDS[0], "eid": EID}, ORDER),
    "downloadOrder ": ({"profileType": "plan"}, BY_TYPE),
    "confirmOrder": (
        {"iccid": ICCIDS[1], "eid": EID, "matchingId": "NEW", "confirmationCode": "1", "releaseFlag": True},
        CONFIRM,
    ),
    "releaseProfile": ({"iccid": ICCIDS[2]}, RELEASE),
    "cancelOrder": (
        {"iccid": ICCIDS[2], "eid": EID, "matchingId": "WAITS", "finalProfileStatusIndicator": "Available"},
        CANCEL_ORDER,
    ),
}


@pytest.mark.parametrize(
    ("function", "case"),
    [
        pytest.param(function, case, id=f"{function} {case.field}: {case.name}")
        for function, (_, cases) in ES2PLUS.items()
        for case in cases
    ],
)
def test_es2plus(smdp: None, now: datetime, function: str, case: Case) -> None:
    released(now, ICCIDS[3], matching_id="USED")
    released(now, ICCIDS[2], eid=EID, matching_id="WAITS", release=False)
    tim = Requester("tim")
    es2plus.handle("downloadOrder", tim, {"header": HEADER, "iccid": ICCIDS[1], "eid": EID}, now)
    right = {"header": HEADER, **ES2PLUS[function][0]}
    function = function.strip()
    before = everything()
    refused(case.code, es2plus.handle(function, tim, spoiled(right, case), now), before)
    assert status(es2plus.handle(function, tim, right, now)) == "Executed-Success"


# --- about the table ------------------------------------------------------------------------------------------------


def test_the_table_is_long_enough() -> None:
    es9 = [*INITIATE, *AUTHENTICATE, *PREPARE, *CANCEL]
    es2 = [case for _, cases in ES2PLUS.values() for case in cases]
    assert len(es9) >= 100
    assert len(es2) >= 80


def test_every_refusal_of_a_caller_is_met_by_some_test() -> None:
    """A code that no table and no test names would be one that nobody has seen."""
    met = {case.code for case in (*INITIATE, *AUTHENTICATE, *PREPARE, *CANCEL)}
    met |= {case.code for _, cases in ES2PLUS.values() for case in cases}
    # Those that need a history have their tests in test_es9plus.py and test_es2plus.py.
    elsewhere = {
        *("8.1.2/6.3", "8.1.3/6.3", "8.2/3.7", "8.2.1/3.3", "8.2.5/3.7", "8.1.1/2.2", "8.2.7/3.8"),
        *("8.2.7/6.4", "8.8.5/4.10", "8.8.5/6.4", "1.6/3.9"),
    }
    transport = {"1.3.2/3.1", "1.1/1.1", "1.2/4.2"}
    operators = {"8.8.5/3.8", "8.2.8/1.2", "8.2.9/3.11", "8.2.10/4.2", "8/4.2"}
    assert {failure.value.short for failure in Failure} == met | elsewhere | transport | operators


@pytest.mark.parametrize("function", sorted(es9plus.FUNCTIONS))
def test_an_empty_request(smdp: None, now: datetime, function: str) -> None:
    assert status(es9plus.handle(function, {}, now)) == MISSING
