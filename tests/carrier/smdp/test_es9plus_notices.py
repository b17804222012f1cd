"""ES9+.HandleNotification: verified, kept once, whenever and in whatever order it comes, and always answered by 204."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.smdp import ca, der, queries
from lineaviva.carrier.smdp.es9plus_notices import digits
from lineaviva.carrier.smdp.models import Notice
from tests.carrier.smdp.euicc import Lpa, flipped, status, swapped
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, OTHER, everything, profile, released

Phones = Callable[..., Lpa]
ICCID = ICCIDS[0]


@pytest.fixture
def phone(lpa: Phones, now: datetime) -> Lpa:
    """It has been handed the profile."""
    released(now)
    found = lpa()
    assert status(found.download(MATCHING_ID)) == "Executed-Success"
    return found


def kept() -> list[tuple[str, str, int, str]]:
    return list(Notice.objects.order_by("pk").values_list("kind", "iccid", "sequence", "result"))


# --- installation results -------------------------------------------------------------------------------------------


def test_an_installation_is_verified_kept_and_believed(phone: Lpa) -> None:
    raw = phone.euicc.result(phone.transaction_id, ICCID)
    phone.notify(raw)
    assert (profile().state, profile().failure) == ("installed", "")
    notice = queries.notices(profile()).get()
    assert (notice.kind, notice.eid, notice.result) == ("install", phone.euicc.eid, "installed")
    assert bytes(notice.raw) == raw
    assert status(phone.fetch()) == "8.2/3.7"


def test_a_failed_installation_ends_in_error(phone: Lpa) -> None:
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID, error=(4, 13)))
    assert (profile().state, profile().failure) == ("error", "8.2.10/4.2")
    assert kept() == [("install", ICCID, 1, "4/13")]
    assert status(phone.begin(MATCHING_ID)) == "8.2/1.2"


def test_the_same_result_twice_is_one(phone: Lpa) -> None:
    raw = phone.euicc.result(phone.transaction_id, ICCID)
    phone.notify(raw)
    before = everything()
    phone.now += timedelta(days=1)
    phone.notify(raw)
    assert everything() == before


def test_a_result_comes_long_after_its_session(phone: Lpa) -> None:
    phone.now += timedelta(days=399)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    assert profile().state == "installed"


def test_lpac_cancels_what_could_not_be_installed_and_the_result_comes_then(phone: Lpa) -> None:
    assert status(phone.cancel(0)) == "Executed-Success"
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID, error=(5, 8)))
    assert (profile().state, profile().failure) == ("error", "8.8.5/3.8")
    assert kept() == [("install", ICCID, 1, "5/8")]


def test_lpac_cancels_what_was_installed_after_all(phone: Lpa) -> None:
    assert status(phone.cancel(0)) == "Executed-Success"
    assert profile().state == "error"
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    assert (profile().state, profile().failure) == ("installed", "")


def test_the_failure_of_an_earlier_try_comes_after_a_later_ones_package(phone: Lpa) -> None:
    earlier = phone.transaction_id
    assert status(phone.download(MATCHING_ID)) == "Executed-Success"
    phone.notify(phone.euicc.result(earlier, ICCID, error=(5, 8)))
    assert profile().state == "downloaded"
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    assert profile().state == "installed"
    assert [result for *_, result in kept()] == ["5/8", "installed"]


def test_the_failure_of_an_earlier_try_comes_after_the_installation(phone: Lpa) -> None:
    earlier = phone.transaction_id
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    phone.notify(phone.euicc.result(earlier, ICCID, error=(5, 8)))
    assert profile().state == "installed"


def test_the_success_of_an_earlier_try_is_a_success(phone: Lpa) -> None:
    earlier = phone.transaction_id
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.result(earlier, ICCID))
    assert profile().state == "installed"


@pytest.mark.parametrize("error", [None, (4, 13)], ids=["installed", "failed"])
def test_a_forged_result_is_dropped(phone: Lpa, lpa: Phones, error: tuple[int, int] | None) -> None:
    before = everything()
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID, error, signature=der.write(0x5F37, bytes(64))))
    phone.notify(lpa().euicc.result(phone.transaction_id, ICCID, error))
    assert everything() == before


def test_a_result_of_an_unknown_transaction_is_dropped(phone: Lpa) -> None:
    before = everything()
    phone.notify(phone.euicc.result(bytes(16), ICCID))
    phone.notify(phone.euicc.result(b"", ICCID))
    assert everything() == before


def test_a_result_without_a_package_installs_nothing(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    assert profile().state == "released"


# --- enabled, disabled, deleted -------------------------------------------------------------------------------------


def test_enable_disable_and_delete_are_verified_and_kept(phone: Lpa) -> None:
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    for event, found in (("enable", "enabled"), ("disable", "disabled"), ("enable", "enabled"), ("delete", "deleted")):
        phone.notify(phone.euicc.said(event, ICCID))
        assert (profile().phone, profile().state) == (found, "installed")
    assert [(kind, number) for kind, _, number, _ in kept()] == [
        *(("install", 1), ("enable", 2), ("disable", 3), ("enable", 4), ("delete", 5))
    ]
    assert queries.notices(profile()).count() == 5


def test_what_was_said_earlier_and_comes_later_is_kept_and_no_more(phone: Lpa) -> None:
    phone.notify(phone.euicc.said("disable", ICCID, sequence=7))
    phone.notify(phone.euicc.said("enable", ICCID, sequence=6))
    assert (profile().phone, profile().phone_sequence) == ("disabled", 7)
    assert [kind for kind, *_ in kept()] == ["disable", "enable"]


def test_what_is_enabled_was_installed_though_the_result_never_came(phone: Lpa) -> None:
    phone.notify(phone.euicc.said("enable", ICCID))
    assert (profile().state, profile().phone) == ("installed", "enabled")
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    assert (profile().state, profile().phone) == ("installed", "enabled")


def test_another_euicc_says_nothing_about_it(phone: Lpa, lpa: Phones) -> None:
    other = lpa()
    other.notify(other.euicc.said("delete", ICCID))
    assert (profile().state, profile().phone) == ("downloaded", "")
    assert Notice.objects.get().profile is None


def test_the_same_notification_twice_is_one(phone: Lpa) -> None:
    raw = phone.euicc.said("enable", ICCID)
    phone.notify(raw)
    phone.notify(raw)
    assert len(kept()) == 1


def test_a_notification_of_a_profile_that_is_not_ours_is_kept_alone(phone: Lpa) -> None:
    phone.notify(phone.euicc.said("enable", OTHER))
    phone.notify(phone.euicc.said("enable", ""))
    assert kept() == [("enable", OTHER, 1, ""), ("enable", "", 2, "")]
    assert profile(OTHER).phone == ""


def test_forged_ones_are_dropped(phone: Lpa, stranger: ca.Authority, lpa: Phones) -> None:
    before = everything()
    phone.notify(phone.euicc.said("delete", ICCID, signature=der.write(0x5F37, bytes(64))))
    phone.notify(phone.euicc.said("delete", ICCID, certificate=flipped(phone.euicc.certificate)))
    foreign = lpa(stranger, eid=phone.euicc.eid)
    phone.notify(foreign.euicc.said("delete", ICCID))
    assert everything() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty"),
        pytest.param({"pendingNotification": None}, id="null"),
        pytest.param({"pendingNotification": 7}, id="number"),
        pytest.param({"pendingNotification": "~"}, id="no base64"),
        pytest.param({"pendingNotification": ""}, id="nothing"),
        pytest.param({"pendingNotification": "BAA="}, id="octet string"),
        pytest.param({"pendingNotification": "MAA="}, id="empty sequence"),
        pytest.param({"pendingNotification": "vzcA"}, id="empty result"),
        pytest.param({"pendingNotification": "vzcEvycAMAA="}, id="result of nothing"),
        pytest.param({"pendingNotification": "MIAAAA=="}, id="indefinite length"),
    ],
)
def test_what_is_no_notification_is_answered_all_the_same(phone: Lpa, body: dict[str, Any]) -> None:
    before = everything()
    reply = phone.call("handleNotification", body)
    assert (reply.status, reply.body) == (204, None)
    assert everything() == before


@pytest.mark.parametrize("iccid", [ICCID, "89390100000000000011"])
def test_an_iccid_of_19_or_20_digits_is_read_from_swapped_half_bytes(iccid: str) -> None:
    assert digits(swapped(iccid)) == iccid


@pytest.mark.parametrize("bad", [b"", bytes(9), bytes(11), b"\xaa" * 10])
def test_what_is_no_iccid_is_not_read(bad: bytes) -> None:
    with pytest.raises(der.DerError):
        digits(bad)


def test_what_was_never_handed_out_is_not_installed_whatever_its_euicc_says(lpa: Phones, now: datetime) -> None:
    phone = lpa()
    released(now, eid=phone.euicc.eid)
    phone.begin(MATCHING_ID)
    phone.cancel(0)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCID))
    phone.notify(phone.euicc.said("enable", ICCID))
    assert profile().state == "error"
