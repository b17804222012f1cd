"""What every call needs and no call changes: certificates, address, the key of the transaction ids."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from lineaviva.carrier.smdp.certs import CertificateStore, EuiccTrust
from lineaviva.carrier.smdp.sealing import session_key


@cache
def store() -> CertificateStore:
    """The certificates of LINEAVIVA_SMDP_CERTS, read once. Raises CertificateError."""
    return CertificateStore.load(settings.SMDP_CERTS)


@cache
def trust() -> EuiccTrust:
    """Its memory of EUM certificates is that of the process."""
    return EuiccTrust(store())


@cache
def transaction_key() -> bytes:
    """Makes the transaction ids; the same in every process that has the vault's key."""
    return session_key()


def address() -> str:
    """The SM-DP+ address as activation codes name it: host, or host:port."""
    return str(settings.SMDP_ADDRESS)


def is_address(asked: str) -> bool:
    """Whether it is one of this server's; host names have no case."""
    known: list[str] = settings.SMDP_ADDRESSES
    return asked in known or asked.lower() in [one.lower() for one in known]


def reset() -> None:
    """Forget what was read; for a process whose settings change, as only a test's do."""
    for kept in (store, trust, transaction_key):
        kept.cache_clear()
