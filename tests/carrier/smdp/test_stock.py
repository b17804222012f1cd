"""Profiles come into stock: once, whole, of the ICCID that was said, sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from lineaviva.carrier.smdp import der, packages
from lineaviva.carrier.smdp.crypto import VaultError
from lineaviva.carrier.smdp.models import Package, Profile
from lineaviva.carrier.smdp.stock import Shown, profile_import, unprotected
from lineaviva.kernel.errors import Conflict, InvalidInput
from tests.carrier.smdp import stock
from tests.carrier.smdp.euicc import ADDRESS

NEW = "8939010000000005551"


def imported(now: datetime, **changes: Any) -> Profile:
    plain = {"operator": "tim", "profile_type": "plan", "upp": stock.upp(NEW), "shown": Shown("TIM", "TIM 5G")}
    return profile_import(**{**plain, "now": now, **changes})


def test_it_is_in_stock_and_says_what_the_phone_shows(smdp: None, now: datetime) -> None:
    profile = imported(now, iccid=NEW)
    assert (profile.iccid, profile.state, profile.order_number) == (NEW, "available", 0)
    parts = {part.tag: part for part in der.children(der.expect(bytes(profile.package.metadata), 0xBF25))}
    assert packages.iccid_of_swapped(parts[0x5A].value) == NEW
    assert (der.to_utf8(parts[0x91]), der.to_utf8(parts[0x92])) == ("TIM", "TIM 5G")
    (told,) = der.children(parts[0xB6])
    assert [part.value for part in der.children(told)] == [b"\x04\x70", ADDRESS.encode()]


def test_the_package_rests_sealed(smdp: None, now: datetime) -> None:
    profile = imported(now)
    row = Package.objects.get(profile=profile)
    secret = stock.upp(NEW)[:24]
    assert all(secret not in bytes(part) for part in (row.segments, row.unprotected, row.keys))
    assert unprotected(profile) == stock.upp(NEW)


def test_what_is_sealed_for_one_profile_does_not_open_as_anothers(smdp: None, now: datetime) -> None:
    profile = imported(now)
    other = Package.objects.get(profile__iccid=stock.ICCIDS[0])
    Package.objects.filter(profile=profile).update(unprotected=other.unprotected)
    with pytest.raises(VaultError):
        unprotected(Profile.objects.get(pk=profile.pk))


def test_the_same_iccid_comes_once(smdp: None, now: datetime) -> None:
    before = stock.everything()
    with pytest.raises(Conflict) as refusal:
        imported(now, upp=stock.upp(stock.ICCIDS[0]))
    assert refusal.value.code == "profile_exists"
    assert stock.everything() == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"upp": b""}, "upp_invalid", id="nothing"),
        pytest.param({"upp": b"\xa0\x03\x02"}, "upp_invalid", id="cut off"),
        pytest.param({"upp": stock.upp(NEW)[:-5]}, "upp_invalid", id="no end"),
        pytest.param({"upp": stock.upp(NEW) + b"\0"}, "upp_invalid", id="something behind"),
        pytest.param({"iccid": stock.ICCIDS[0]}, "iccid_mismatch", id="another ICCID"),
        pytest.param({"profile_type": ""}, "profile_type_invalid", id="no type"),
        pytest.param({"profile_type": "x" * 65}, "profile_type_invalid", id="a long type"),
        pytest.param({"shown": Shown("T" * 33, "TIM")}, "upp_invalid", id="a long name"),
    ],
)
def test_what_is_no_package_is_refused(smdp: None, now: datetime, changes: dict[str, Any], code: str) -> None:
    before = stock.everything()
    with pytest.raises(InvalidInput) as refusal:
        imported(now, **changes)
    assert refusal.value.code == code
    assert stock.everything() == before
