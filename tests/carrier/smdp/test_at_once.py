"""At once: two processes and a hundred phones at one profile, threads at one row, processes that are killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from lineaviva.carrier.smdp import actions, ca, es2plus, sealing, serving
from lineaviva.carrier.smdp.certs import CertificateStore
from lineaviva.carrier.smdp.es2plus import Requester
from lineaviva.carrier.smdp.models import Notice, Profile, Session
from tests.carrier.smdp import stock
from tests.carrier.smdp.authority import authority
from tests.carrier.smdp.conftest import MADE
from tests.carrier.smdp.euicc import ADDRESS, Euicc, Lpa, status
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, profile, released
from tests.keeper.together import together

pytestmark = pytest.mark.django_db(transaction=True)
Phones = Callable[..., Lpa]
FINE = "Executed-Success"
KEY = "a key for tests only, long enough to be taken"
TIM = Requester("tim")
numbers = count(1)


def header(call: str = "") -> dict[str, str]:
    """Of a call of its own, or of the one that is named."""
    return {"functionRequesterIdentifier": "TIM", "functionCallIdentifier": call or f"call-{next(numbers)}"}


# --- two processes --------------------------------------------------------------------------------------------------


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    ca.init(tmp_path / "certs", curve="nist", now=MADE)
    return tmp_path / "certs"


@contextmanager
def downloader(certs: Path, now: datetime, **task: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is ready to fetch."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["LINEAVIVA_DATABASE_URL"])._replace(path=f"/{name}").geturl()
    environment = {
        **os.environ,
        "LINEAVIVA_PROGRAM": "carrier",
        "LINEAVIVA_DATABASE_URL": url,
        "LINEAVIVA_SMDP_CERTS": str(certs),
        "LINEAVIVA_SMDP_ADDRESS": ADDRESS,
        "LINEAVIVA_SMDP_KEY": KEY,
        "DJANGO_SETTINGS_MODULE": "lineaviva.config.settings",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.carrier.smdp.downloader"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        tell(process, json.dumps({"certs": str(certs / "nist"), "now": now.isoformat(), **task}))
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.processes
def test_two_processes_a_hundred_phones_one_profile_one_wins(smdp: None, certs: Path, now: datetime) -> None:
    released(now)
    with (
        downloader(certs, now, many=50, matching_id=MATCHING_ID) as one,
        downloader(certs, now, many=50, matching_id=MATCHING_ID) as two,
    ):
        assert [heard(one), heard(two)] == ["ready", "ready"]
        assert Session.objects.filter(stage="authenticated").count() == 100
        for process in (one, two):
            tell(process, "go")
        answers = [*json.loads(heard(one)), *json.loads(heard(two))]
    assert Counter(answer for _, answer in answers) == {FINE: 1, "8.2/3.7": 99}
    (winner,) = (eid for eid, answer in answers if answer == FINE)
    found = profile()
    assert (found.state, found.eid) == ("downloaded", winner)
    session = Session.objects.get(stage="delivered")
    assert (session.eid, session.transaction_id) == (winner, found.transaction_id)
    assert Session.objects.filter(stage="authenticated").count() == 99


def sound() -> None:
    """Whenever a process is killed: what is downloaded has the session that it was handed out in, and no other has."""
    delivered = {session.transaction_id: session for session in Session.objects.filter(stage="delivered")}
    for found in Profile.objects.all():
        if found.state in ("downloaded", "installed"):
            session = delivered.pop(found.transaction_id)
            assert (session.profile_id, session.eid) == (found.pk, found.eid)
        else:
            assert (found.state, found.eid, found.transaction_id) == ("released", "", "")
        assert (found.state == "installed") == Notice.objects.filter(profile=found).exists()
    assert delivered == {}


@pytest.mark.processes
def test_a_process_that_is_killed_leaves_all_or_nothing_of_each_call(smdp: None, certs: Path, now: datetime) -> None:
    Profile.objects.exclude(iccid__in=ICCIDS).delete()
    for iccid in ICCIDS:
        released(now, iccid, matching_id=iccid)
    luck = random.Random(9)
    for _ in range(3):
        # What a killed one's phone had fetched is bound to it, and no other phone can have it.
        waiting = list(Profile.objects.filter(state="released").order_by("pk").values_list("iccid", flat=True))
        with downloader(certs, now, alone=True, iccids=waiting) as process:
            assert heard(process) == "ready"
            tell(process, "go")
            heard(process)
            for _ in range(luck.randrange(30_000)):
                pass
        sound()
    done = Profile.objects.filter(state="installed").count()
    assert done >= 3


# --- threads --------------------------------------------------------------------------------------------------------


def test_one_phone_at_once_does_not_get_past_the_limit_of_attempts(lpa: Phones, now: datetime) -> None:
    released(now)
    first = lpa()

    def begin() -> str:
        phone = Lpa(first.euicc, now)
        return status(phone.begin(MATCHING_ID))

    answers = Counter(together(8, begin))
    # The first that is too many ends the order; those after it meet the limit still, or the order's end already.
    assert set(answers) <= {FINE, "8.8.5/6.4", "8.2/1.2"}
    assert answers[FINE] == 5
    assert answers["8.8.5/6.4"] >= 1
    assert profile().state == "error"


def test_wrong_confirmation_codes_at_once_are_all_counted(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phones = [lpa() for _ in range(6)]
    for phone in phones:
        phone.begin(MATCHING_ID)
    waiting = iter(phones)
    answers = Counter(together(6, lambda: status(next(waiting).fetch("0000"))))
    assert answers == {"8.2.7/3.8": 2, "8.2.7/6.4": 1, "8.2/3.7": 3}
    assert (profile().state, profile().confirmation_failures) == ("error", 3)


def test_the_right_code_does_not_slip_in_behind_the_last_wrong_one(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    phone.begin(MATCHING_ID)
    for _ in range(3):
        phone.fetch("0000")
    assert status(phone.fetch(stock.CODE)) == "8.2/3.7"


def test_orders_at_once_get_a_profile_each(smdp: None, now: datetime) -> None:
    def order() -> tuple[str, str]:
        body = {"header": header(), "profileType": "plan"}
        reply = es2plus.handle("downloadOrder", TIM, body, now)
        return status(reply), (reply.body or {}).get("iccid", "")

    answers = together(9, order)
    assert sorted(iccid for answer, iccid in answers if answer == FINE) == list(ICCIDS)
    assert [answer for answer, _ in answers if answer != FINE] == ["8.2.5/3.7"] * 3


def test_one_profile_ordered_at_once_is_ordered_once(smdp: None, now: datetime) -> None:
    def order() -> str:
        return status(es2plus.handle("downloadOrder", TIM, {"header": header(), "iccid": ICCIDS[0]}, now))

    assert Counter(together(6, order)) == {FINE: 1, "8.2.1/3.3": 5}
    assert profile().order_number == 1


@pytest.mark.parametrize("order", [{"iccid": ICCIDS[0]}, {"profileType": "plan"}, {"profileType": "big"}])
def test_one_call_several_times_at_once_orders_once(smdp: None, now: datetime, order: dict[str, str]) -> None:
    """Also where it takes the last of its type: there is one "big"."""
    body = {"header": header(str(uuid.UUID(int=7))), **order}
    answers = together(6, lambda: es2plus.handle("downloadOrder", TIM, body, now))
    assert [status(answer) for answer in answers] == [FINE] * 6
    assert len({(answer.body or {})["iccid"] for answer in answers}) == 1
    assert list(Profile.objects.exclude(state="available").values_list("state", "order_number")) == [("allocated", 1)]


def test_one_matching_id_for_several_orders_at_once_is_given_once(smdp: None, now: datetime) -> None:
    for iccid in ICCIDS:
        actions.profile_order(operator="tim", iccid=iccid, profile_type="", eid="", now=now)
    waiting = iter(ICCIDS)

    def confirm() -> str:
        body = {"header": header(), "iccid": next(waiting), "matchingId": MATCHING_ID, "releaseFlag": True}
        return status(es2plus.handle("confirmOrder", TIM, body, now))

    assert Counter(together(6, confirm)) == {FINE: 1, "8.2.6/3.3": 5}
    assert Profile.objects.filter(state="released").count() == 1


def test_a_notification_that_comes_several_times_at_once_is_kept_once(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    raw = phone.euicc.result(phone.transaction_id, ICCIDS[0])
    together(6, lambda: phone.notify(raw))
    assert Notice.objects.count() == 1
    assert profile().state == "installed"


@pytest.mark.parametrize("seed", range(4))
def test_the_operator_cancels_while_the_phone_fetches(lpa: Phones, now: datetime, seed: int) -> None:
    """Whoever is first, has it; never both."""
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    turn = iter((True, False))

    def act() -> str:
        if next(turn):
            return "phone " + status(phone.fetch())
        body = {"header": header(), "iccid": ICCIDS[0], "finalProfileStatusIndicator": "Available"}
        return "operator " + status(es2plus.handle("cancelOrder", TIM, body, now))

    answers = set(together(2, act))
    fetched = {f"phone {FINE}", "operator 8.2.1/3.3"}
    cancelled = {"phone 8.2/3.7", f"operator {FINE}"}
    assert answers == (fetched if profile().state == "downloaded" else cancelled)


def test_the_end_user_refuses_while_the_phone_fetches(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    turn = iter((True, False))
    answers = together(2, lambda: status(phone.fetch() if next(turn) else phone.cancel(0)))
    assert FINE in answers
    assert (profile().state, profile().failure) == ("error", "8.8.5/3.8")
    assert Session.objects.get().stage == "cancelled"


def test_the_store_of_a_folder_is_the_one_of_the_process(
    certs: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SMDP_CERTS = str(certs)
    serving.reset()
    store = serving.store()
    assert isinstance(store, CertificateStore)
    assert serving.store() is store
    euicc = Euicc(authority(certs / "nist"), MADE)
    assert serving.trust().check(euicc.certificate, euicc.eum, MADE).eid == euicc.eid
    serving.reset()
    sealing.vault.cache_clear()
