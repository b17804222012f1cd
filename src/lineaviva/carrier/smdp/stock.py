"""Profiles come into stock: imported once, read as far as their header, protected and sealed (SGP.22 2.5.3).

A profile package has the subscriber's keys in it. In the database it is only sealed, or protected under keys that are
only sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from lineaviva.carrier.smdp import der, packages, sealing
from lineaviva.carrier.smdp.der import DerError
from lineaviva.carrier.smdp.euicc_info import bits
from lineaviva.carrier.smdp.models import Package, Profile
from lineaviva.carrier.smdp.packages import Owner, ProfileClass, Upp
from lineaviva.kernel.errors import Conflict, InvalidInput

_POLICY_RULES = 0x99
# The eUICC tells the server of these; how the installation went it tells in its result anyway.
_TOLD = ("enable", "disable", "delete")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the phone shows of a profile, and the rules it is under."""

    provider_name: str
    profile_name: str
    profile_class: ProfileClass = "operational"
    owner: Owner | None = None
    ppr: Sequence[str] = ()


def profile_import(
    *, operator: str, profile_type: str, upp: bytes, shown: Shown, iccid: str = "", now: datetime
) -> Profile:
    """Take a profile package into stock. `iccid`, where given, must be the one in the package's header.

    Raises InvalidInput (upp_invalid, iccid_mismatch, profile_type_invalid) and Conflict (profile_exists).
    """
    if not profile_type or len(profile_type) > 64:
        raise InvalidInput("A profile type has up to 64 letters.", code="profile_type_invalid", field="profile_type")
    header, metadata = _read(upp, shown)
    if iccid and iccid != header.iccid:
        raise InvalidInput("The package is of another ICCID.", code="iccid_mismatch", field="iccid")
    rules = der.maybe(der.read(metadata), _POLICY_RULES)
    profile = Profile(
        iccid=header.iccid,
        operator=operator,
        profile_type=profile_type,
        major=header.major,
        policy_rules=bits(rules) if rules else 0,
        size=len(upp),
        created_at=now,
        changed_at=now,
    )
    return _store(profile, metadata, upp)


def unprotected(profile: Profile) -> bytes:
    """The package as it was imported. Raises VaultError if the vault's key is another by now."""
    return sealing.vault().open(bytes(profile.package.unprotected), package_label(profile.iccid))


def keys_label(iccid: str) -> bytes:
    return b"ppk:" + iccid.encode()


def package_label(iccid: str) -> bytes:
    return b"upp:" + iccid.encode()


def _read(upp: bytes, shown: Shown) -> tuple[Upp, bytes]:
    try:
        header = packages.read_upp(upp)
        metadata = packages.metadata(
            iccid=header.iccid,
            provider_name=shown.provider_name,
            profile_name=shown.profile_name,
            profile_class=shown.profile_class,
            owner=shown.owner,
            notifications=((settings.SMDP_ADDRESS, _TOLD),) if settings.SMDP_ADDRESS else (),
            ppr=shown.ppr,
        )
    except DerError as error:
        raise InvalidInput(f"This is no profile package: {error}.", code="upp_invalid", field="upp") from error
    return header, metadata


def _store(profile: Profile, metadata: bytes, upp: bytes) -> Profile:
    vault, protected = sealing.vault(), packages.protect(upp)
    package = Package(
        profile=profile,
        metadata=metadata,
        keys=vault.seal(protected.ppk.joined(), keys_label(profile.iccid)),
        segments=protected.segments86,
        unprotected=vault.seal(upp, package_label(profile.iccid)),
    )
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
            package.save(force_insert=True)
    except IntegrityError:
        raise Conflict("There is a profile with this ICCID.", code="profile_exists", field="iccid") from None
    return profile
