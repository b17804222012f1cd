"""Writes of vouchers: made, redeemed, made void, expired. Locked in one order: batch, voucher, wallet."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.books import rules as chart
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Kind as Posted
from lineaviva.keeper.wallets import errors, guessing, rules
from lineaviva.keeper.wallets.actions import ACCOUNTS, movement_write
from lineaviva.keeper.wallets.models import Paid, Voucher, VoucherBatch, WalletMovement
from lineaviva.kernel import agenda
from lineaviva.kernel.calendar import end_of
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.money import Money

State = Voucher.State
_CHUNK = 500


@dataclass(frozen=True)
class Made:
    """A new batch and, the only time that anybody sees them, its PINs in the order of the vouchers' numbers."""

    batch: VoucherBatch
    pins: list[str]


def voucher_batch_make(
    *, name: str, amount: Money, count: int, paid: str, by: User, now: datetime, expires_on: date | None = None
) -> Made:
    """Make `count` vouchers of `amount` that are sold (or given away, `paid` gift) now.

    Whoever loses the PINs makes the batch void and makes another. Raises NotAllowed (operations only), InvalidInput
    and Conflict (a batch of this name is there).
    """
    require_role(by, Role.OPERATIONS)
    name, until = " ".join(name.split()), expires_on or rules.life_default(rome_date(now))
    _check(name, amount, count, paid, until, rome_date(now))
    pins = _pins(count)
    try:
        with transaction.atomic():
            return Made(_written(name, amount, paid, until, pins, by, now), pins)
    except IntegrityError:
        if VoucherBatch.objects.filter(name=name).exists():
            raise errors.batch_exists(name) from None
        raise


def _check(name: str, amount: Money, count: int, paid: str, until: date, today: date) -> None:
    if not 1 <= len(name) <= 60:
        raise errors.name_wrong()
    if not 0 < amount.minor <= rules.MOST_MINOR or amount.currency != "EUR":
        raise errors.amount_wrong(Money(rules.MOST_MINOR))
    if not 1 <= count <= rules.MOST_VOUCHERS:
        raise errors.count_wrong(rules.MOST_VOUCHERS)
    if paid not in Paid.values:
        raise errors.paid_wrong()
    if not today < until <= today + rules.LONGEST_LIFE:
        raise errors.expiry_wrong()


def _pins(count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[rules.pin_make(secrets.choice)] = None
    return list(found)


def _written(
    name: str, amount: Money, paid: str, until: date, pins: list[str], by: User, now: datetime
) -> VoucherBatch:
    value = {"amount_minor": amount.minor, "currency": amount.currency, "expires_on": until}
    look = {"made_by": by, "made_at": now, "look_at": end_of(until)}
    batch = VoucherBatch.objects.create(name=name, count=len(pins), paid=paid, **value, **look)
    Voucher.objects.bulk_create(
        (
            Voucher(batch=batch, number=number, pin_hash=_hash(pin), last4=pin[-4:], **value)
            for number, pin in enumerate(pins, 1)
        ),
        batch_size=_CHUNK,
    )
    _post(f"vouchers:{batch.pk}", batch, -amount * len(pins), now)
    detail = {"name": name, "count": len(pins), "amount": str(amount), "paid": paid, "until": until.isoformat()}
    audit(actor=by, act="vouchers_make", subject=f"vouchers:{batch.pk}", detail=detail, now=now)
    return batch


def _hash(pin: str) -> str:
    return rules.pin_hash(pin, settings.VOUCHER_KEY)


def _post(key: str, batch: VoucherBatch, fewer: Money, now: datetime, *, to: str = "") -> None:
    """`fewer` is what we owe less to those who hold vouchers; `to`: who has it instead, else where they were paid."""
    post(
        key=key,
        kind=Posted.VOUCHER,
        entries=chart.moved(fewer, debit=chart.VOUCHERS, credit=to or ACCOUNTS[Paid(batch.paid)]),
        at=now,
        reference=f"vouchers:{batch.pk}",
        detail={"batch": batch.name, "paid": batch.paid},
    )


def voucher_redeem(*, pin: str, user: User, address: str, now: datetime) -> Voucher:
    """Put a voucher's amount into `user`'s wallet. Their own voucher a second time is quiet.

    Wrong PINs are counted for the account and for `address`, from where they come. Not to be called inside a
    transaction: what is counted must stay counted. Raises InvalidInput (no PIN at all, or a slip: not counted),
    NotFound, Conflict (used by another, void, expired) and TooManyGuesses.
    """
    digits = rules.pin_read(pin)
    if not digits:
        raise errors.pin_invalid()
    guessing.guess_begin(user=user, address=address, now=now)
    voucher = _redeemed(digits, user, now)
    guessing.guess_right(user=user, address=address, now=now)
    return voucher


@transaction.atomic
def _redeemed(digits: str, user: User, now: datetime) -> Voucher:
    locked = Voucher.objects.select_for_update(of=("self",)).select_related("batch")
    voucher = locked.filter(pin_hash=_hash(digits)).first()
    if voucher is None:
        raise errors.pin_unknown()
    if voucher.state == State.REDEEMED and voucher.redeemed_by_id == user.pk:
        return voucher
    refusals = {State.REDEEMED: errors.voucher_used, State.VOID: errors.voucher_void}
    if refusal := refusals.get(State(voucher.state)):
        raise refusal()
    if voucher.state == State.EXPIRED or rules.is_over(voucher.expires_on, rome_date(now)):
        raise errors.voucher_expired()
    voucher.state, voucher.redeemed_by, voucher.redeemed_at = State.REDEEMED, user, now
    voucher.save(update_fields=["state", "redeemed_by", "redeemed_at"])
    amount, key = Money(voucher.amount_minor, voucher.currency), f"voucher:{voucher.pk}"
    movement_write(
        user_id=user.pk, key=key, kind=WalletMovement.Kind.VOUCHER, amount=amount, now=now, voucher=voucher, by=user
    )
    _post(key, voucher.batch, amount, now, to=chart.wallet(user.pk))
    return voucher


@transaction.atomic
def vouchers_void(
    *, batch: VoucherBatch, by: User, reason: str, now: datetime, number: int | None = None
) -> tuple[int, Money]:
    """Make the batch's vouchers void that nobody has redeemed, or one of them; how many, and what they were worth.

    What was paid for them goes back by where it came in. Raises NotAllowed (operations only), InvalidInput (no reason)
    and Conflict (none is left).
    """
    require_role(by, Role.OPERATIONS)
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise errors.reason_missing()
    wanted = Voucher.objects.filter(**({} if number is None else {"number": number}))
    batch = agenda.locked(VoucherBatch, batch.pk)
    count, worth = _ended(batch, wanted, State.VOID, now, lambda first: f"vouchers:{batch.pk}:void:{first}")
    if not count:
        raise errors.none_active()
    detail = {"name": batch.name, "count": count, "amount": str(worth), "reason": reason, "number": number}
    audit(actor=by, act="vouchers_void", subject=f"vouchers:{batch.pk}", detail=detail, now=now)
    return count, worth


@transaction.atomic
def vouchers_expire(*, batch: VoucherBatch, now: datetime) -> int:
    """Close a batch whose last good day is over; how many of its vouchers had not been redeemed. Once is enough."""
    batch = agenda.locked(VoucherBatch, batch.pk)
    if batch.state == VoucherBatch.State.CLOSED or not rules.is_over(batch.expires_on, rome_date(now)):
        return 0
    key = f"vouchers:{batch.pk}:expired"
    count, _worth = _ended(batch, Voucher.objects.all(), State.EXPIRED, now, lambda _first: key, to=chart.BREAKAGE)
    batch.state = VoucherBatch.State.CLOSED
    batch.save(update_fields=["state"])
    return count


def _ended(
    batch: VoucherBatch,
    wanted: QuerySet[Voucher],
    state: str,
    now: datetime,
    key: Callable[[int], str],
    *,
    to: str = "",
) -> tuple[int, Money]:
    """Take those of `wanted` that wait to `state`, and post it; the key is made of the first of them."""
    waiting = wanted.filter(batch=batch, state=State.ACTIVE).order_by("pk")
    ids = list(waiting.select_for_update().values_list("pk", flat=True))
    if not ids:
        return 0, Money(0, batch.currency)
    worth = Money(batch.amount_minor, batch.currency) * len(ids)
    for start in range(0, len(ids), _CHUNK):
        Voucher.objects.filter(pk__in=ids[start : start + _CHUNK]).update(state=state)
    _post(key(ids[0]), batch, worth, now, to=to)
    return len(ids), worth


def outstanding(batch: VoucherBatch) -> Money:
    """What of a batch may still be redeemed."""
    waiting = batch.vouchers.filter(state=State.ACTIVE)
    return Money(int(waiting.aggregate(total=Sum("amount_minor", default=0))["total"]), batch.currency)
