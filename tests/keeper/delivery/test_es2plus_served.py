"""The ES2+ adapter against a real SM-DP+ in processes of its own, over mutual TLS and over networks that fail."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lineaviva.cli.demo import free_port
from lineaviva.keeper.activation.ports import Result
from lineaviva.keeper.delivery.es2plus import wire
from lineaviva.keeper.delivery.es2plus.adapter import Es2PlusGateway
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.ports import ProfileRequest
from lineaviva.keeper.delivery.queries import activation_code
from lineaviva.keeper.delivery.rules import Point
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary, Unknown
from lineaviva.sandbox.phone import identity, loading, lpa
from lineaviva.sandbox.phone import wire as phone_wire
from lineaviva.sandbox.phone.euicc import Euicc
from lineaviva.sandbox.phone.store import State
from tests.carrier.smdp.served import Operator, Served, serving
from tests.keeper.delivery.conftest import Way, states
from tests.patience import PATIENCE, slower, until
from tests.tcp_proxy import Mode, TcpProxy

pytestmark = pytest.mark.processes
WAY = Es2PlusGateway()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With eight profiles of TIM's and one of Vodafone's."""
    with serving(tmp_path_factory.mktemp("smdp")) as found:
        found.lineaviva("smdp", "import", "--demo", "8", "--type", "prepaid")
        found.lineaviva("smdp", "import", "--demo", "1", "--type", "prepaid", "--operator", "vodafone")
        yield found


@pytest.fixture(scope="module")
def ours(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what we show: TIM and Vodafone have let us in."""
    folder = tmp_path_factory.mktemp("es2")
    for name in ("tim", "vodafone"):
        operator = Operator(served.home, name)
        served.lineaviva("smdp", "clients", "add", name, "--certificate", str(operator.certificate))
        operator.shown(folder)
    return folder


@pytest.fixture(autouse=True)
def reached(served: Served, ours: Path, settings: Any) -> Iterator[None]:
    settings.ES2_URLS = dict.fromkeys(("tim", "vodafone"), f"https://127.0.0.1:{served.es2_port}")
    settings.ES2_CERTS, settings.ES2_CA = str(ours), str(served.certs / "nist" / "ci.pem")
    settings.ES2_PROFILE_TYPES, settings.ES2_ADDRESSES, settings.ES2_REQUESTERS = {}, {}, {}
    wire._client.cache_clear()
    yield
    wire._client.cache_clear()


@pytest.fixture(autouse=True)
def shelves(served: Served) -> None:
    """Every profile is in stock, whatever other tests have done with it."""
    with closing(sqlite3.connect(database(served), timeout=PATIENCE)) as connection, connection:
        connection.execute("DELETE FROM carrier_smdp_ordercall")
        connection.execute("DELETE FROM carrier_smdp_session")
        connection.execute(
            "UPDATE carrier_smdp_profile SET state = 'available', eid = '', matching_id = NULL, transaction_id = ''"
        )


def database(served: Served) -> Path:
    (found,) = served.home.glob("*.sqlite3")
    return found


class Network(TcpProxy):
    """A network that a test can break; only while it is broken do we hang up early."""

    def set(self, mode: Mode) -> None:
        super().set(mode)
        client = wire._client("tim", *wire._files("tim"))
        client.timeout = httpx.Timeout(PATIENCE if mode == "pass" else slower())
        # The connection that is open is the one that breaks, however long it was at rest.
        client._transport._pool._keepalive_expiry = PATIENCE  # type: ignore[attr-defined]


@pytest.fixture
def slow(served: Served, settings: Any) -> Iterator[TcpProxy]:
    with Network(("127.0.0.1", served.es2_port)) as network:
        settings.ES2_URLS = {"tim": f"https://127.0.0.1:{network.port}"}
        network.set("pass")
        yield network


def request(reference: str, operator: str = "tim", **facts: str) -> ProfileRequest:
    """Of the delivery that this word stands for."""
    call_id = str(uuid.uuid5(uuid.NAMESPACE_OID, reference))
    return ProfileRequest(call_id, operator, f"MATCH-{reference.upper()}", **facts)


def taken(served: Served) -> dict[str, int]:
    """TIM's profiles by their state, as the server's database has them."""
    with closing(sqlite3.connect(database(served), timeout=PATIENCE)) as connection:
        rows = connection.execute(
            "SELECT state, count(*) FROM carrier_smdp_profile WHERE operator = 'tim' GROUP BY state"
        )
        return dict(rows.fetchall())


def undone(*orders: tuple[ProfileRequest, str]) -> None:
    """Back into stock, for the next test."""
    for one, iccid in orders:
        assert WAY.cancel(one, iccid) == "cancelled"


# --- by the book ----------------------------------------------------------------------------------------------------


def test_an_order_sent_again_is_the_same_order(served: Served) -> None:
    first = WAY.order(request("again"))
    assert first.iccid.startswith("8939010")
    assert (first.activation_code, first.expires_at) == (None, None)
    assert WAY.order(request("again")) == first
    other = WAY.order(request("other"))
    assert other.iccid != first.iccid
    assert taken(served) == {"allocated": 2, "available": 6}
    undone((request("again"), first.iccid), (request("other"), other.iccid))
    assert taken(served) == {"available": 8}


def test_a_release_gives_the_code_that_we_have_chosen_and_again_the_same(served: Served) -> None:
    iccid = WAY.order(request("code")).iccid
    released = WAY.release(request("code"), iccid)
    assert str(released.activation_code) == f"LPA:1$localhost:{served.port}$MATCH-CODE"
    assert released.expires_at is None
    assert WAY.release(request("code"), iccid) == released
    assert taken(served) == {"available": 7, "released": 1}
    undone((request("code"), iccid))


def test_an_order_for_one_phone_is_for_that_phone() -> None:
    eid = "89049032123451234512345678901235"
    one = request("phone", eid=eid)
    iccid = WAY.order(one).iccid
    WAY.release(one, iccid)
    with pytest.raises(Permanent, match="for another phone") as refused:
        WAY.release(request("phone", eid="89049032123451234512345678901236"), iccid)
    assert refused.value.code == "8.1.1/3.10"
    undone((one, iccid))


def test_what_is_cancelled_stays_cancelled_however_often_that_is_said(served: Served) -> None:
    iccid = WAY.order(request("back")).iccid
    assert WAY.cancel(request("back"), iccid) == "cancelled"
    assert WAY.cancel(request("back"), iccid) == "cancelled"
    assert taken(served) == {"available": 8}
    iccid = WAY.order(request("back")).iccid
    WAY.release(request("back"), iccid)
    assert WAY.cancel(request("back"), iccid) == "cancelled"
    assert WAY.cancel(request("back"), iccid) == "cancelled"
    assert taken(served) == {"available": 8}


@pytest.mark.parametrize("released", [False, True])
def test_an_old_cancellation_does_not_hit_who_has_the_profile_now(served: Served, released: bool) -> None:
    mine = WAY.order(request("gone")).iccid
    WAY.release(request("gone"), mine)
    assert WAY.cancel(request("gone"), mine) == "cancelled"
    theirs = WAY.order(request("new"))
    assert theirs.iccid == mine, "the oldest in stock is given out first"
    if released:
        WAY.release(request("new"), mine)
    assert WAY.cancel(request("gone"), mine) == "cancelled"
    assert taken(served) == {"available": 7, "released" if released else "allocated": 1}
    assert str(WAY.release(request("new"), mine).activation_code).endswith("$MATCH-NEW")
    undone((request("new"), mine))


def test_what_a_phone_has_is_not_taken_back(served: Served) -> None:
    iccid = WAY.order(request("installed")).iccid
    released = WAY.release(request("installed"), iccid)
    install(served, released.activation_code)
    assert WAY.cancel(request("installed"), iccid) == "too_late"
    assert WAY.cancel(request("installed"), iccid) == "too_late"
    assert WAY.release(request("installed"), iccid) == released
    assert taken(served)["installed"] == 1


def install(served: Served, code: ActivationCode) -> None:
    # By the clock on the wall: the server is a process of its own, and its certificates were made a moment ago.
    now = datetime.now(UTC)
    chip = Euicc(identity.read(served.certs), State())
    with phone_wire.Server(f"localhost:{served.port}", phone_wire.trust(chip.identity.authorities)) as server:
        package = lpa._Download(chip, server, lpa.Wish(code), now, lambda *_: None).fetch(lambda: None)
        profile, failed = loading.load(chip, package, now)
        assert profile is not None, failed
        for waiting in chip.state.notifications:
            server.notify(waiting.bytes)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_type_that_is_not_there_is_for_a_person(served: Served, settings: Any) -> None:
    settings.ES2_PROFILE_TYPES = {"tim": "gold"}
    before = taken(served)
    with pytest.raises(NeedsPerson, match=r"tim's SM-DP\+ refuses downloadOrder: .*LINEAVIVA_ES2_PROFILE_TYPES"):
        WAY.order(request("gold"))
    with pytest.raises(NeedsPerson, match=r"8\.2\.5/3\.9"):
        WAY.order(request("platinum", profile_type="platinum"))
    assert taken(served) == before


def test_an_empty_stock_is_for_a_person() -> None:
    only = WAY.order(request("only", "vodafone"))
    with pytest.raises(NeedsPerson, match=r"no profile of this type is left: put some into its stock \(8.2.5/3.7\)"):
        WAY.order(request("next", "vodafone"))
    assert WAY.order(request("only", "vodafone")) == only
    # What was never set aside has nothing to take back.
    assert WAY.cancel(request("next", "vodafone"), only.iccid) == "cancelled"
    assert WAY.order(request("only", "vodafone")) == only
    undone((request("only", "vodafone"), only.iccid))


def test_an_order_that_the_operator_took_back_is_refused(served: Served) -> None:
    iccid = WAY.order(request("undone")).iccid
    undone((request("undone"), iccid))
    before = taken(served)
    with pytest.raises(Permanent, match="the order is not open any more") as refused:
        WAY.release(request("undone"), iccid)
    assert refused.value.code == "8.2.1/3.5"
    with pytest.raises(Permanent) as refused:
        WAY.release(request("undone"), "8939010000000000009")
    assert refused.value.code == "8.2.1/3.9"
    assert taken(served) == before


def test_another_operators_profile_is_for_a_person(served: Served) -> None:
    theirs = WAY.order(request("theirs", "vodafone")).iccid
    for act in (WAY.release, WAY.cancel):
        with pytest.raises(NeedsPerson, match=r"another operator's \(8.2.1/1.2\)"):
            act(request("theirs"), theirs)
    assert str(WAY.release(request("theirs", "vodafone"), theirs).activation_code).endswith("$MATCH-THEIRS")
    undone((request("theirs", "vodafone"), theirs))


def test_a_matching_id_that_is_in_use_is_for_a_person() -> None:
    first, second = WAY.order(request("one")).iccid, WAY.order(request("two")).iccid
    WAY.release(request("one"), first)
    with pytest.raises(NeedsPerson, match=r"8\.2\.6/3\.3"):
        WAY.release(ProfileRequest("two", "tim", "MATCH-ONE"), second)
    undone((request("one"), first), (request("two"), second))


def test_it_cannot_be_asked(served: Served) -> None:
    assert WAY.look(request("asked"), "8939010000000000009") is None
    assert WAY.look(request("asked"), "") is None


# --- TLS ------------------------------------------------------------------------------------------------------------


def stranger(folder: Path, _: Served) -> None:
    """One that says that it is TIM's."""
    (folder / "made").mkdir()
    Operator(folder / "made", "tim").shown(folder)


def of_the_ci(folder: Path, served: Served) -> None:
    """The CI makes servers and phones; it does not say who may order."""
    nist = served.certs / "nist"
    (folder / "tim.pem").write_bytes((nist / "dptls.pem").read_bytes() + (nist / "dptls.key").read_bytes())


@pytest.mark.parametrize("shown", [stranger, of_the_ci])
def test_a_certificate_that_is_not_taken_is_for_a_person(
    served: Served, settings: Any, tmp_path: Path, shown: Callable[[Path, Served], None]
) -> None:
    settings.ES2_CERTS = str(tmp_path)
    shown(tmp_path, served)
    before = taken(served)
    for act in (lambda: WAY.order(request("tls")), lambda: WAY.cancel(request("tls"), "8939010000000000009")):
        with pytest.raises(NeedsPerson, match=r"does not take our certificate \(\w*ALERT\w*\).*LINEAVIVA_ES2_CERTS"):
            act()
    assert taken(served) == before


def test_without_a_certificate_it_is_for_a_person(served: Served, settings: Any) -> None:
    settings.ES2_CERTS = ""
    with pytest.raises(NeedsPerson, match="LINEAVIVA_ES2_CERTS"):
        WAY.order(request("tls"))


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nhalf"], ids=["none", "empty", "half"])
def test_a_certificate_that_cannot_be_read_is_for_a_person(
    settings: Any, tmp_path: Path, content: bytes | None
) -> None:
    settings.ES2_CERTS = str(tmp_path)
    if content is not None:
        (tmp_path / "tim.pem").write_bytes(content)
    with pytest.raises(NeedsPerson, match=r"No certificate for tim's SM-DP\+: check LINEAVIVA_ES2_CERTS"):
        WAY.order(request("tls"))


def test_a_server_that_is_another_is_not_told_anything(served: Served, settings: Any, ours: Path) -> None:
    settings.ES2_CA = str(served.home / "tim.pem")
    before = taken(served)
    with pytest.raises(NeedsPerson, match="does not prove that it is the one of LINEAVIVA_ES2_URLS"):
        WAY.order(request("tls"))
    assert taken(served) == before


def test_a_server_by_another_name_is_not_told_anything(served: Served, settings: Any) -> None:
    before = taken(served)
    with TcpProxy(("127.0.0.1", served.es2_port), host="127.0.0.2") as elsewhere:
        settings.ES2_URLS = {"tim": f"https://127.0.0.2:{elsewhere.port}"}
        with pytest.raises(NeedsPerson, match="does not prove that it is the one of LINEAVIVA_ES2_URLS"):
            WAY.order(request("tls"))
    assert taken(served) == before


def test_the_very_certificate_of_a_server_is_enough(served: Served, settings: Any, tmp_path: Path) -> None:
    (made,) = (served.home / "smdp" / "tls").glob("*")
    pinned = tmp_path / "server.pem"
    pinned.write_bytes(x509.load_pem_x509_certificate(made.read_bytes()).public_bytes(Encoding.PEM))
    settings.ES2_CA = str(pinned)
    undone((request("pinned"), WAY.order(request("pinned")).iccid))


def test_a_new_certificate_counts_at_once(served: Served, settings: Any, tmp_path: Path, ours: Path) -> None:
    settings.ES2_CERTS = str(tmp_path)
    stranger(tmp_path, served)
    with pytest.raises(NeedsPerson):
        WAY.order(request("renewed"))
    shutil.copyfile(ours / "tim.pem", tmp_path / "tim.pem")
    undone((request("renewed"), WAY.order(request("renewed")).iccid))


# --- networks that fail ---------------------------------------------------------------------------------------------


def warm() -> None:
    """Have a connection open: the next call goes over it."""
    with pytest.raises(NeedsPerson, match=r"8\.2\.5/3\.9"):
        WAY.order(request("warm", profile_type="none such"))


def test_an_order_whose_answer_is_lost_is_found_again(served: Served, slow: TcpProxy) -> None:
    before = taken(served)["available"]
    warm()
    slow.set("half-open")
    with pytest.raises(Unknown, match=r"[0-9a-f]{12}: the answer was lost: ReadTimeout"):
        WAY.order(request("lost"))
    until(lambda: taken(served)["available"] == before - 1)
    slow.set("pass")
    found = WAY.order(request("lost"))
    assert WAY.order(request("lost")) == found
    assert taken(served)["available"] == before - 1
    undone((request("lost"), found.iccid))


@pytest.mark.parametrize("mode", ["stall", "cut", "reset"])
def test_an_order_that_breaks_off_may_have_been_carried_out(served: Served, slow: TcpProxy, mode: Any) -> None:
    """Whether it went out before the connection broke, nobody here can say."""
    before = taken(served)["available"]
    warm()
    slow.set(mode)
    with pytest.raises((Unknown, Temporary)):
        WAY.order(request("broken"))
    slow.set("pass")
    iccid = WAY.order(request("broken")).iccid
    assert taken(served)["available"] == before - 1
    undone((request("broken"), iccid))


@pytest.mark.parametrize("mode", ["stall", "cut", "reset", "half-open"])
def test_a_server_that_is_not_reached_is_asked_later(slow: TcpProxy, mode: Any) -> None:
    slow.set(mode)
    with pytest.raises(Temporary, match=r"tim's SM-DP\+ cannot be reached: Connect"):
        WAY.order(request("away"))


def test_where_nobody_listens_it_is_asked_later(settings: Any) -> None:
    settings.ES2_URLS = {"tim": f"https://127.0.0.1:{free_port()}"}
    with pytest.raises(Temporary, match="ConnectError"):
        WAY.order(request("away"))


def test_a_release_whose_answer_is_lost_is_asked_for_again(slow: TcpProxy) -> None:
    iccid = WAY.order(request("quiet")).iccid
    slow.set("half-open")
    with pytest.raises(Temporary, match="the answer was lost: ReadTimeout"):
        WAY.release(request("quiet"), iccid)
    slow.set("pass")
    assert str(WAY.release(request("quiet"), iccid).activation_code).endswith("$MATCH-QUIET")
    undone((request("quiet"), iccid))


def test_a_cancellation_whose_answer_is_lost_is_said_again(served: Served, slow: TcpProxy) -> None:
    before = taken(served)["available"]
    iccid = WAY.order(request("retry")).iccid
    WAY.release(request("retry"), iccid)
    slow.set("half-open")
    with pytest.raises(Temporary):
        WAY.cancel(request("retry"), iccid)
    slow.set("pass")
    until(lambda: taken(served)["available"] == before)
    assert WAY.cancel(request("retry"), iccid) == "cancelled"
    assert taken(served)["available"] == before


# --- by the agenda --------------------------------------------------------------------------------------------------


@pytest.fixture
def real(way: Way, settings: Any) -> Way:
    """Anna's orders, whose profiles come from the real server."""
    settings.PROFILE_GATEWAYS = {"es2plus": "lineaviva.keeper.delivery.es2plus.adapter.Es2PlusGateway"}
    return way


def stock(served: Served) -> int:
    return taken(served).get("available", 0)


def test_a_delivery_takes_one_profile_however_often_answers_are_lost(served: Served, real: Way, slow: TcpProxy) -> None:
    before = stock(served)
    order = real.paid()
    warm()
    slow.set("half-open")
    real.look()
    delivery = Delivery.objects.get(order=order)
    assert (delivery.state, delivery.sends, delivery.asked) == ("waiting", 1, 1)
    real.after(seconds=5)  # not even connected
    slow.set("pass")
    warm()
    slow.set("half-open")
    real.after(seconds=60)
    slow.set("pass")
    real.after(minutes=30)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.gateway, stock(served)) == ("released", "es2plus", before - 1)
    code = activation_code(delivery)
    assert code is not None
    assert code.host == f"localhost:{served.port}"
    install(served, code)
    assert real.tell(delivery, Point.INSTALLATION) is not None
    real.look()
    assert states(order)[2] == "installed"
    assert stock(served) == before - 1


def test_a_renewal_that_is_refused_gives_its_profile_back(served: Served, real: Way) -> None:
    before = stock(served)
    real.server.plan = Result("failed", reason="The line is off.")
    order = real.paid(kind="topup")
    for _ in range(3):
        real.after(minutes=1)
    assert states(order)[1:] == ("failed", "withdrawn")
    assert stock(served) == before


def test_no_secret_is_in_what_is_shown() -> None:
    assert "MATCH-SECRET" not in repr(request("secret"))
