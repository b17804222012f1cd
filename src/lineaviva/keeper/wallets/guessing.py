"""How often somebody may be wrong about a PIN: counted for all processes, by account and by address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.wallets import errors, rules
from lineaviva.kernel.agenda import limits


def guess_begin(*, user: User, address: str, now: datetime) -> None:
    """Count a PIN before anybody looks whether it is right. Raises TooManyGuesses; then it must not be looked at."""
    taken: list[tuple[str, rules.Guesses]] = []
    for name, guesses in _buckets(user, address):
        wait = limits.take(name, per_minute=guesses.per_minute, burst=guesses.burst, now=now)
        if wait:
            for before, its in taken:  # others behind this address were wrong: that is not this account's guess
                limits.put_back(before, per_minute=its.per_minute, now=now)
            raise errors.TooManyGuesses(wait)
        taken.append((name, guesses))


def guess_right(*, user: User, address: str, now: datetime) -> None:
    """It was no guess: whoever redeems ten vouchers is not stopped."""
    for name, guesses in _buckets(user, address):
        limits.put_back(name, per_minute=guesses.per_minute, now=now)


def _buckets(user: User, address: str) -> Iterator[tuple[str, rules.Guesses]]:
    yield f"voucher:account:{user.pk}", rules.BY_ACCOUNT
    yield f"voucher:address:{rules.guesser(address)}", rules.BY_ADDRESS
