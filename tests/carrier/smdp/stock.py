"""Profiles in stock, of packages that are just enough of one to be read."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any

from lineaviva.carrier.smdp import actions, der, packages
from lineaviva.carrier.smdp.models import Package, Profile
from lineaviva.carrier.smdp.stock import Shown, profile_import

ICCIDS = tuple(f"893901000000000{number:03d}" + "1" for number in range(6))
OTHER = "8939020000000000001"
BIG = "8939010000000009991"
RULED = "8939010000000009981"
MATCHING_ID = "ABCDE-FGHIJ-KLMNO-PQRST"
CODE = "1234"


def upp(iccid: str, size: int = 2500, major: int = 2) -> bytes:
    """A profile package: a header, some bytes for a body, an end."""
    header = der.write(
        0xA0,
        der.integer(major, 0x80),
        der.integer(3, 0x81),
        der.utf8("Lineaviva test", 0x82),
        der.write(0x83, packages.iccid_packed(iccid)),
    )
    return header + der.write(0xA1, bytes(size)) + der.write(0xAA, der.write(0xA0, der.write(0x80, b"\x01")))


# The rows as they were made first: to protect and seal nine packages for each test would take most of its time.
_made: list[tuple[Profile, Package]] = []


def fill(now: datetime) -> None:
    """Six of TIM's plan, one of Vodafone's, one that is large and one with rules."""
    if not _made:
        _made.extend((profile, profile.package) for profile in _import(now))
        return
    Profile.objects.bulk_create([copy(profile) for profile, _ in _made])
    Package.objects.bulk_create([copy(package) for _, package in _made])


def _import(now: datetime) -> list[Profile]:
    shown, ruled = Shown("TIM", "TIM 5G"), Shown("TIM", "TIM for firms", ppr=("ppr1",))
    return [
        *(
            profile_import(operator="tim", profile_type="plan", upp=upp(iccid), shown=shown, now=now)
            for iccid in ICCIDS
        ),
        profile_import(operator="vodafone", profile_type="plan", upp=upp(OTHER), shown=Shown("V", "V"), now=now),
        profile_import(operator="tim", profile_type="big", upp=upp(BIG, 40_000), shown=shown, now=now),
        profile_import(operator="tim", profile_type="ruled", upp=upp(RULED, major=3), shown=ruled, now=now),
    ]


def released(
    now: datetime,
    iccid: str = ICCIDS[0],
    *,
    eid: str = "",
    matching_id: str | None = MATCHING_ID,
    code: str = "",
    release: bool = True,
) -> Profile:
    """The profile with its order, waiting to be downloaded."""
    actions.profile_order(operator="tim", iccid=iccid, profile_type="", eid=eid, now=now)
    return actions.order_confirm(
        operator="tim", iccid=iccid, eid=eid, matching_id=matching_id, confirmation_code=code, release=release, now=now
    )


def profile(iccid: str = ICCIDS[0]) -> Profile:
    return Profile.objects.get(iccid=iccid)


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the server, to see that nothing has changed."""
    from django.apps import apps

    return {
        model.__name__: [
            tuple(bytes(one) if isinstance(one, memoryview) else one for one in row)
            for row in model._default_manager.order_by("pk").values_list()
        ]
        for model in apps.get_app_config("carrier_smdp").get_models()
        if model.__name__ != "Package"
    }
