"""A certificate that is like another says the same as if all of it had been read, and is refused where it would be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import alike, certificates, crypto, der
from lineaviva.carrier.smdp.alike import Makes
from lineaviva.carrier.smdp.ca import Authority
from lineaviva.carrier.smdp.certificates import Certificate, CertificateError, read_certificate
from lineaviva.carrier.smdp.certs import CertificateStore, EuiccTrust, Untrusted
from tests.conftest import NOON

MADE = NOON - timedelta(days=30)
EIDS = [f"890490320000000000000000000001{number}" for number in range(20, 60)]
GOOD = (Path(__file__).parents[2] / "fixtures" / "sgp26" / "CERT_EUICC_ECDSA_NIST.der").read_bytes()
Said = tuple[Certificate, str | None, str | None]


def whole(data: bytes) -> Said | None:
    try:
        certificate = read_certificate(data)
    except CertificateError:
        return None
    return certificate, *certificate.holder()


def quick(makes: Makes, data: bytes) -> Said | None:
    try:
        return makes.read(data)[:3]
    except CertificateError:
        return None


def knowing(*certificates: bytes) -> Makes:
    makes = Makes()
    for data in certificates:
        makes.learn(makes.read(data))
    return makes


GOOD_KNOWN = knowing(GOOD)


@pytest.fixture(scope="module", params=[crypto.NIST, crypto.BRAINPOOL], ids=["nist", "brainpool"])
def authority(request: pytest.FixtureRequest) -> Authority:
    return Authority.make(request.param, now=MADE)


def test_the_next_of_a_make_is_read_by_its_differences(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [authority.euicc(eid, now=MADE + timedelta(minutes=number)) for number, eid in enumerate(EIDS)]
    expected = [whole(one.certificate.der) for one in made]
    # Serial numbers have different lengths: some makes are met before all of them are known.
    makes = knowing(*(one.certificate.der for one in made))

    def never(data: bytes) -> Certificate:
        raise AssertionError("read whole")

    monkeypatch.setattr(certificates, "read_certificate", never)
    assert [quick(makes, one.certificate.der) for one in made] == expected
    assert [said[1] for said in expected if said] == EIDS


def test_it_is_the_same_certificate_as_if_read_whole() -> None:
    found = GOOD_KNOWN.read(GOOD)
    assert found.whole is False
    assert found[:3] == whole(GOOD)
    assert (found.eid, found.organization) == ("89049032123451234512345678901235", "RSP Test EUM")
    assert found.certificate.not_after == datetime(7496, 1, 24, 9, 48, 58, tzinfo=UTC)
    assert "8904" not in repr(found.certificate)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_says_the_same_as_if_read_whole(at: int, change: int) -> None:
    data = bytearray(GOOD)
    data[at] ^= change
    assert quick(GOOD_KNOWN, bytes(data)) == whole(bytes(data))


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=40), st.integers(0, 40))
def test_bytes_put_in_or_left_out_say_the_same_as_if_read_whole(at: int, put: bytes, out: int) -> None:
    data = GOOD[:at] + put + GOOD[at + out :]
    assert quick(GOOD_KNOWN, data) == whole(data)


PARTS = der.children(der.read(GOOD))
INNER = der.children(PARTS[0])


def rebuilt(number: int, raw: bytes) -> bytes:
    """GOOD with another part in its signed body; all lengths are right."""
    inner = [part.raw for part in INNER]
    inner[number] = raw
    return der.write(0x30, der.write(0x30, *inner), PARTS[1].raw, PARTS[2].raw)


CHANGED = {
    "another number": rebuilt(1, der.write(0x02, bytes(range(1, 1 + len(INNER[1].value))))),
    "a longer number": rebuilt(1, der.write(0x02, b"\x01" + INNER[1].value)),
    "another algorithm": rebuilt(2, der.write(0x30, der.oid("1.2.840.10045.4.3.3"))),
    "no time": rebuilt(4, INNER[4].raw.replace(b"Z", b"X")),
    "a month 13": rebuilt(4, INNER[4].raw[:6] + b"13" + INNER[4].raw[8:]),
    "an EID with a letter": rebuilt(5, INNER[5].raw.replace(b"89049032", b"8904903x")),
    "another EID": rebuilt(5, INNER[5].raw.replace(b"89049032", b"89049033")),
    "another maker": rebuilt(5, INNER[5].raw.replace(b"RSP Test EUM", b"RSP Best EUM")),
    "no point of the curve": rebuilt(6, INNER[6].raw[:-1] + bytes((INNER[6].raw[-1] ^ 1,))),
    "a compressed point": rebuilt(6, INNER[6].raw[:-65] + b"\x02" + INNER[6].raw[-64:]),
    "signed with another algorithm": der.write(0x30, PARTS[0].raw, der.write(0x30), PARTS[2].raw),
    "a signature of half bytes": der.write(0x30, PARTS[0].raw, PARTS[1].raw, der.write(0x03, b"\x04" + b"1" * 70)),
    "without a signature": der.write(0x30, PARTS[0].raw, PARTS[1].raw),
    "a signature without end": der.write(0x30, PARTS[0].raw, PARTS[1].raw, der.write(0x03, bytes(9000))),
    "something behind it": GOOD + b"\0",
    "nothing": b"",
}


@pytest.mark.parametrize("data", CHANGED.values(), ids=CHANGED)
def test_what_is_changed_says_the_same_as_if_read_whole(data: bytes) -> None:
    assert data != GOOD
    assert quick(GOOD_KNOWN, data) == whole(data)


def test_what_differs_in_one_thing_only_needs_no_whole_reading() -> None:
    assert [GOOD_KNOWN.read(CHANGED[name]).whole for name in ("another number", "another EID")] == [False, False]
    assert GOOD_KNOWN.read(CHANGED["another maker"]).whole is True


def test_few_makes_are_kept_of_one_maker(authority: Authority) -> None:
    makes = Makes()
    for number in range(20):
        read = makes.read(authority.euicc(EIDS[number], now=MADE).certificate.der)
        makes.learn(read._replace(whole=True))
    assert len(makes._known) == alike._MOST


def test_where_the_differences_cannot_be_told_nothing_is_kept(authority: Authority) -> None:
    """The EID stands in its name a second time, or it is no eUICC's at all."""
    eid = b"89049032123451234512345678901235"
    again = der.write(0x31, der.write(0x30, der.oid("2.5.4.3"), der.write(0x0C, eid)))
    doubled = rebuilt(5, der.write(0x30, INNER[5].value, again))
    assert read_certificate(doubled).eid() == eid.decode()
    for data in (doubled, authority.eum.certificate.der):
        makes = knowing(data)
        assert makes._known == []
        assert makes.read(data)[:3] == whole(data)


def test_only_what_was_believed_is_learnt(authority: Authority) -> None:
    trust = EuiccTrust(CertificateStore([authority.server(now=MADE)]))
    eum = authority.eum.certificate.der
    good, other = (authority.euicc(eid, now=MADE).certificate.der for eid in EIDS[:2])
    forged = good[:-1] + bytes((good[-1] ^ 1,))
    for _ in range(2):
        with pytest.raises(Untrusted, match="euicc_signature"):
            trust.check(forged, eum, NOON)
    makes = trust._eum(eum).makes
    assert makes._known == []
    assert trust.check(good, eum, NOON).eid == EIDS[0]
    assert len(makes._known) == 1
    with pytest.raises(Untrusted, match="euicc_signature"):
        trust.check(forged, eum, NOON)
    assert trust.check(other, eum, NOON).eid == EIDS[1]


def test_of_a_make_that_is_known_each_signature_date_and_eid_is_checked(authority: Authority) -> None:
    trust = EuiccTrust(CertificateStore([authority.server(now=MADE)]))
    eum = authority.eum.certificate.der
    for eid in EIDS[:12]:
        trust.check(authority.euicc(eid, now=MADE).certificate.der, eum, NOON)
    late = authority.euicc(EIDS[0], now=NOON + timedelta(days=9)).certificate.der
    with pytest.raises(Untrusted, match="euicc_expired"):
        trust.check(late, eum, NOON)
    stranger = authority.euicc("89033023" + EIDS[0][8:], now=MADE).certificate.der
    with pytest.raises(Untrusted, match="eid_out_of_range"):
        trust.check(stranger, eum, NOON)
    other = Authority.make(authority.ci.certificate.curve, now=MADE)
    with pytest.raises(Untrusted, match="euicc_signature"):
        trust.check(other.euicc(EIDS[0], now=MADE).certificate.der, eum, NOON)
