"""What the pretend operators' SM-DP+ must have before it listens: certificates, the operators' own, and profiles.

All of it is made at the first start, kept in the part's home, and looked through at each later one: what has ended is
made anew, what was used up is filled up. No phone on the street trusts any of it.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from lineaviva.carrier.smdp import ca
from lineaviva.carrier.smdp.certs import CertificateStore, Server
from lineaviva.carrier.smdp.models import Package, Profile
from lineaviva.carrier.smdp.states import State
from lineaviva.carrier.smdp.stock import Shown, profile_import
from lineaviva.carrier.smdp.templates import demo_person, demo_template, personalise
from lineaviva.carrier.smdp.tls import tls_identity

PROFILE_TYPE = "prepaid"
STOCK = 20
HOSTS = ("127.0.0.1", "localhost")
# About as large as an operator's own.
_BYTES = 12_000
_LAST_MONTH = timedelta(days=30)


def certificates_make(folder: Path, *, now: datetime) -> None:
    """A test CI in `folder` with all that is under it, whole or not at all; what is there stays."""
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    ca.init(draft, curve="nist", hosts=HOSTS, now=now)
    draft.rename(folder)


def identity(store: CertificateStore, *, now: datetime) -> Path:
    """The file with the chain and key that the server shows in TLS. Raises CertificateError."""
    return tls_identity(store=store, kept=Path(settings.HOME) / "smdp" / "tls", hosts=HOSTS, now=now).file


def operator_let_in(operator: str, *, server: Server, folder: Path, now: datetime) -> None:
    """Give the operator a certificate of its own for ES2+, with its key in `folder`, and let it in by that one.

    One that lasts for more than a month stays.
    """
    own, known = folder / f"{operator}.pem", Path(settings.SMDP_CLIENTS) / f"{operator}.pem"
    if own.exists() and known.exists() and own.read_bytes().startswith(known.read_bytes()):
        if x509.load_pem_x509_certificate(known.read_bytes()).not_valid_after_utc - now > _LAST_MONTH:
            return
    certificate, key = ca.issue_tls(server, [f"{operator}.sandbox"], now=now)
    _put(own, certificate + key)
    _put(known, certificate)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


@transaction.atomic
def stock_fill(operator: str, *, now: datetime) -> int:
    """Have at least STOCK profiles for new orders; how many were made."""
    Profile.objects.filter(pk__in=_reporting_elsewhere(operator)).delete()
    missing = STOCK - _available(operator).count()
    if missing <= 0:
        return 0
    # Read where it is needed only: at most starts nothing is missing.
    from lineaviva import rulebook

    name = rulebook.operator(operator).name
    template, shown = demo_template(_BYTES), Shown(name, f"{name} {PROFILE_TYPE}")
    for _ in range(missing):
        package = personalise(template, demo_person(operator))
        profile_import(operator=operator, profile_type=PROFILE_TYPE, upp=package, shown=shown, now=now)
    return missing


def _available(operator: str) -> QuerySet[Profile]:
    return Profile.objects.filter(operator=operator, profile_type=PROFILE_TYPE, state=State.AVAILABLE)


def _reporting_elsewhere(operator: str) -> list[int]:
    """Those whose phone would report to the address of an earlier start: the sandbox may be given other ports."""
    packages = Package.objects.filter(profile__in=_available(operator)).values_list("profile_id", "metadata")
    return [pk for pk, metadata in packages if settings.SMDP_ADDRESS.encode() not in bytes(metadata)]
