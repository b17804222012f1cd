"""Our rows against each provider's own list, day by day.

Lines are kept as they are read; fees, payouts and disputes are posted at once, and a dispute that was not told gets its
row by the list. A day is compared when the day after it
has been read, so that what happened around midnight, or was told late, has its other half. What differs is filed once,
stands on the stuck list, and is looked at again each day: where the other side was only late it agrees by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import Role, User
from lineaviva.keeper.accounts.queries import require_role
from lineaviva.keeper.books import errors
from lineaviva.keeper.books import rules as chart
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Difference, Kind, Reconciliation, StatementLine
from lineaviva.keeper.payments import rules
from lineaviva.keeper.payments.asking import asked
from lineaviva.keeper.payments.models import AttemptState, Dispute, PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Movement, disputing, provider
from lineaviva.keeper.payments.posting import BY_DISPUTE, BY_HAND
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import NeedsPerson
from lineaviva.kernel.money import Money

_LEASE = timedelta(minutes=10)
# Some lists are complete only hours after the day.
_LATE = timedelta(hours=4)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """How the two sides differ; amounts as the provider's account sees them, in minor units.

    `about` is the first of the list's lines, else our key.
    """

    kind: str
    about: str
    ours: int | None
    theirs: int | None
    currency: str
    reference: str = ""


@transaction.atomic
def reconciliation_begin(*, name: str, since: datetime) -> None:
    """From its first payment on a provider's lists are read, where it has any; each day plans the next.

    `since`: before that nobody can have paid. What is heard late may stand on a list of days ago.
    """
    if name not in settings.PAYMENT_PROVIDERS or not provider(name).reconciles:
        return
    day = since.astimezone(UTC).date()
    if not Reconciliation.objects.filter(provider=name, day__lte=day).exists():
        _plan(name, day)


def _plan(name: str, day: date) -> None:
    Reconciliation.objects.get_or_create(provider=name, day=day, defaults={"look_at": _complete(day)})


def _complete(day: date) -> datetime:
    """From when on the list of a day has all of it."""
    return _midnight(day) + _DAY + _LATE


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


@agenda.handler(Reconciliation, states=(Reconciliation.State.OPEN,), lease=_LEASE, outside=True, batch=1)
def reconciliation_look(row: Reconciliation, now: datetime) -> agenda.Outcome:
    """Read a day that is over; compare the day before it."""
    if row.provider not in settings.PAYMENT_PROVIDERS or not provider(row.provider).configured:
        raise NeedsPerson(f"{row.provider} is switched off here: its list of {row.day} cannot be read.")
    if now < _complete(row.day):  # somebody woke it: half a day read now would be missing for ever
        return agenda.again(_complete(row.day))
    ours = asked(row.provider, _midnight(row.day), _midnight(row.day + _DAY))
    movements = list(provider(row.provider).listing(row.day, ours))
    return agenda.settle(partial(_read, movements, now))


def _read(movements: list[Movement], now: datetime, row: Reconciliation) -> agenda.Outcome:
    kept = [line_keep(row.provider, movement, now) for movement in movements]
    _compare(row.provider, row.day - _DAY, now)
    for line in kept:  # told so late that its own day has been compared before
        if line is not None and line.at < _midnight(row.day - _DAY) and (finding := line_finding(line)):
            _file(row.provider, finding, line.at.astimezone(UTC).date(), now)
    agenda.wake(Difference.objects.filter(provider=row.provider, state=Difference.State.OPEN), now)
    agenda.wake(Dispute.objects.filter(provider=row.provider, state__in=Dispute.UNDECIDED), now)
    _plan(row.provider, row.day + _DAY)
    return agenda.rest(state=Reconciliation.State.DONE, lines=len(movements), done_at=now)


# --- what only they can tell -----------------------------------------------------------------------------------------


def line_keep(name: str, movement: Movement, now: datetime) -> StatementLine | None:
    """Write a line down, once, and post what only the list tells of; None where it is there already."""
    facts = {
        "kind": movement.kind,
        "reference": movement.reference[:120],
        "key": movement.key[:120],
        "amount_minor": movement.amount.minor,
        "fee_minor": movement.fee.minor,
        "currency": movement.amount.currency,
        "at": movement.at,
    }
    # Before its line, as where it is told: two who write both wait for each other in one order.
    in_dispute = movement.kind == "dispute" and _has_dispute(name, movement, now)
    line, made = StatementLine.objects.get_or_create(provider=name, line=movement.line[:120], defaults=facts)
    if not made:
        return None
    for kind, account, amount in _told(movement, name):
        post(
            key=f"{kind}:{name}:{line.line}",
            kind=kind,
            entries=chart.moved(amount, debit=chart.place(name), credit=account),
            at=movement.at,
            reference=line.reference or line.line,
            detail={"provider": name, "line": line.line},
        )
    if movement.kind == "dispute" and not in_dispute:
        amounts = (line.amount_minor, line.amount_minor, line.currency)
        finding = Finding(Difference.Kind.DISPUTE, line.line, *amounts, line.reference)
        _file(name, finding, movement.at.astimezone(UTC).date(), now)
    return line


def _has_dispute(name: str, movement: Movement, now: datetime) -> bool:
    """Whether a row of its own stands for the dispute; one that no webhook told of is made here, and asked about."""
    if not movement.reference or disputing(name) is None:
        return False
    Dispute.objects.get_or_create(
        provider=name,
        provider_ref=movement.reference[:120],
        defaults={
            "amount_minor": abs(movement.amount.minor),
            "currency": movement.amount.currency,
            "opened_at": movement.at,
            "look_at": now,
        },
    )
    return True


def _told(movement: Movement, name: str) -> Iterator[tuple[str, str, Money]]:
    """Kind of the posting, the other account, and what it did to our money at the provider."""
    others = {"payout": chart.BANK, "dispute": chart.LOSSES}
    if movement.kind in others:
        yield movement.kind, others[movement.kind], movement.amount
    fee = -movement.fee + (movement.amount if movement.kind == "fee" else Money(0, movement.amount.currency))
    if fee.minor:
        yield Kind.FEE, chart.fees(name), fee


# --- what both can tell ----------------------------------------------------------------------------------------------


def _compare(name: str, day: date, now: datetime) -> None:
    within = (_midnight(day), _midnight(day + _DAY))
    for line in StatementLine.objects.filter(provider=name, at__gte=within[0], at__lt=within[1]).order_by("pk"):
        if finding := line_finding(line):
            _file(name, finding, day, now)
    for finding in _missing(name, within):
        _file(name, finding, day, now)


def line_finding(line: StatementLine) -> Finding | None:
    """In what the list's lines of one charge or refund differ from our row; None where they do not.

    A refund that failed afterwards has two: together they are nothing.
    """
    if line.kind not in {"charge", "refund", "other"}:
        return None
    lines = _lines_of(line)
    theirs, about = sum(one.amount_minor for one in lines), lines[0].line
    row: PaymentAttempt | Refund | None = _attempt_of(line) if line.kind == "charge" else None
    if line.kind == "refund":
        row = _refund_of(line)
        if row is None and _by_dispute(line, theirs):
            return None
    ours = _ours(row, line.currency) if row else 0
    if ours == theirs:
        return None
    if row is None or not ours:
        return Finding(Difference.Kind.EXTRA, about, None, theirs, line.currency, line.reference)
    return Finding(Difference.Kind.AMOUNT, about, ours, theirs, line.currency, _order_of(row))


def _by_dispute(line: StatementLine, theirs: int) -> bool:
    """Whether the provider gave it back itself after a dispute, which is posted as that."""
    lost = Dispute.objects.filter(provider=line.provider, state=Dispute.State.LOST, amount_minor=-theirs)
    return line.key != "" and lost.filter(attempt__idempotency_key=line.key).exists()


def _lines_of(line: StatementLine) -> list[StatementLine]:
    """All of the list that is about the same charge or refund, the first one first."""
    if not line.reference:
        return [line]
    same = StatementLine.objects.filter(provider=line.provider, kind=line.kind, reference=line.reference)
    return list(same.order_by("at", "pk"))


def _ours(row: PaymentAttempt | Refund, currency: str) -> int:
    """What of it should be at the provider by our rows."""
    elsewhere = isinstance(row, Refund) and row.provider_ref.startswith((BY_HAND, BY_DISPUTE))
    if row.state != "succeeded" or elsewhere or row.currency != currency:
        return 0
    provider_name = row.attempt.provider if isinstance(row, Refund) else row.provider
    if _settled(provider_name, Difference.Kind.MISSING, _key_of(row)):
        return 0  # it was put right by hand because they did not have it
    return -row.amount_minor if isinstance(row, Refund) else row.amount_minor


def _order_of(row: PaymentAttempt | Refund) -> str:
    return (row.attempt if isinstance(row, Refund) else row).order.code


def _attempt_of(line: StatementLine) -> PaymentAttempt | None:
    known = Q(charge_ref=line.reference) if line.reference else Q(pk=None)
    if line.key:
        known |= Q(idempotency_key=line.key)
    return PaymentAttempt.objects.filter(known, provider=line.provider).select_related("order").first()


def _refund_of(line: StatementLine) -> Refund | None:
    mine = Refund.objects.filter(attempt__provider=line.provider).select_related("attempt__order")
    if line.reference and (found := mine.filter(provider_ref=line.reference).first()):
        return found
    return next((row for row in _refunds_with(mine, line.key) if _key_of(row) == line.key), None)


def _refunds_with(refunds: Any, key: str) -> Iterable[Refund]:
    """Those whose key may be this one: it begins as the attempt's, refund:pay:CODE:1 or refund:pay:CODE:1:2."""
    parts = key.removeprefix("refund:").split(":")
    found: Iterable[Refund] = refunds.filter(attempt__idempotency_key=":".join(parts[:3])) if key else ()
    return found


def _key_of(row: PaymentAttempt | Refund) -> str:
    if isinstance(row, Refund):
        return rules.refund_key(row.attempt.idempotency_key, row.number)
    return row.idempotency_key


def _missing(name: str, within: tuple[datetime, datetime]) -> Iterator[Finding]:
    """What we have as collected and given back in this time, and the provider does not list."""
    ended = {"finished_at__gte": within[0], "finished_at__lt": within[1], "amount_minor__gt": 0}
    attempts = PaymentAttempt.objects.filter(provider=name, state=AttemptState.SUCCEEDED, **ended)
    refunds = Refund.objects.filter(attempt__provider=name, state=Refund.State.SUCCEEDED, **ended)
    sent = refunds.exclude(provider_ref__startswith=BY_HAND).exclude(provider_ref__startswith=BY_DISPUTE)
    rows: list[PaymentAttempt | Refund] = [*attempts.select_related("order").order_by("pk")]
    for row in [*rows, *sent.select_related("attempt__order").order_by("pk")]:
        if finding := row_finding(row):
            yield finding


def row_finding(row: PaymentAttempt | Refund) -> Finding | None:
    """Whether something of ours is not on the provider's list; None where it is."""
    attempt = row.attempt if isinstance(row, Refund) else row
    kind, reference = ("refund", row.provider_ref) if isinstance(row, Refund) else ("charge", row.charge_ref)
    known = Q(key=_key_of(row)) | (Q(reference=reference) if reference else Q(pk=None))
    lines = StatementLine.objects.filter(known, provider=attempt.provider, kind=kind, currency=row.currency)
    # A line that was put right by hand as nobody's does not count for this one too.
    if any(not _settled(line.provider, Difference.Kind.EXTRA, _lines_of(line)[0].line) for line in lines):
        return None
    ours = -row.amount_minor if isinstance(row, Refund) else row.amount_minor
    return Finding(Difference.Kind.MISSING, _key_of(row), ours, None, row.currency, attempt.order.code)


def _settled(name: str, kind: str, about: str) -> bool:
    settled = Difference.objects.filter(provider=name, kind=kind, about=about, state=Difference.State.SETTLED)
    return settled.exists()


# --- differences -----------------------------------------------------------------------------------------------------


def _file(name: str, finding: Finding, day: date, now: datetime) -> None:
    """Once; one that had agreed and does so no more is open again. What a person settled stays as it is."""
    facts = {
        "reference": finding.reference,
        "ours_minor": finding.ours,
        "theirs_minor": finding.theirs,
        "currency": finding.currency,
        "day": day,
        "state": Difference.State.OPEN,
        "settled_at": None,
        "look_at": now,
    }
    row, made = Difference.objects.get_or_create(
        provider=name, kind=finding.kind, about=finding.about, defaults={**facts, "found_at": now}
    )
    if made or row.state == Difference.State.SETTLED:
        return
    for column, value in facts.items():
        setattr(row, column, value)
    row.save(update_fields=list(facts))


@agenda.handler(Difference, states=(Difference.State.OPEN,))
def difference_look(row: Difference, now: datetime) -> agenda.Outcome:
    """Put it on the stuck list, unless the other side was only late."""
    return agenda.settle(partial(_looked, now))


def _looked(now: datetime, row: Difference) -> agenda.Outcome:
    finding = _finding_now(row)
    if finding and finding.kind == row.kind:
        raise NeedsPerson(what_to_do(row))
    if finding:  # it is another by now
        _file(row.provider, finding, row.day, now)
    return agenda.rest(state=Difference.State.AGREED, settled_at=now)


def _finding_now(row: Difference) -> Finding | None:
    if row.kind == Difference.Kind.DISPUTE:
        return Finding(row.kind, row.about, row.ours_minor, row.theirs_minor, row.currency, row.reference)
    if row.kind == Difference.Kind.MISSING:
        return next((finding for mine in _rows_of(row) if (finding := row_finding(mine))), None)
    return line_finding(StatementLine.objects.get(provider=row.provider, line=row.about))


def _rows_of(row: Difference) -> list[PaymentAttempt | Refund]:
    attempts = PaymentAttempt.objects.filter(provider=row.provider, idempotency_key=row.about).select_related("order")
    mine = Refund.objects.filter(attempt__provider=row.provider).select_related("attempt__order")
    return [*attempts, *(one for one in _refunds_with(mine, row.about) if _key_of(one) == row.about)]


def what_to_do(row: Difference) -> str:
    """One sentence of what differs and what a person does about it."""
    ours, theirs = (Money(minor or 0, row.currency) for minor in (row.ours_minor, row.theirs_minor))
    said = {
        "missing": f"{ours} of {row.about} (order {row.reference}) is not on {row.provider}'s list around {row.day}.",
        "extra": f"{row.provider} lists {theirs} on {row.day} ({row.reference or row.about}), which is not known here.",
        "amount": f"{row.provider} lists {theirs} on {row.day} for order {row.reference}, which has {ours} here.",
        "dispute": f"A payer's bank moved {theirs} on {row.day} by dispute {row.reference} at {row.provider}: "
        "answer it there before its time is over.",
    }
    settle = f'lineaviva books settle {row.pk} --by E-MAIL --reason "..."'
    return f"{said[row.kind]} Look it up at {row.provider}; when it is clear: {settle}"


@transaction.atomic
def difference_settle(*, pk: int, reason: str, by: User, now: datetime) -> Difference:
    """A person knows what it was: our account of the provider gets what theirs has, against `difference`.

    Raises NotAllowed (operations only), NotFound, InvalidInput (no reason), Conflict where it is settled already.
    """
    require_role(by, Role.OPERATIONS)
    reason = " ".join(reason.split())[:200]
    if not reason:
        raise errors.reason_missing()
    row = _difference(pk)
    if row.state != Difference.State.OPEN:
        raise errors.difference_settled()
    row.state, row.reason, row.settled_by, row.settled_at = Difference.State.SETTLED, reason, by, now
    row.look_at, row.stuck_reason = None, ""
    row.save(update_fields=["state", "reason", "settled_by", "settled_at", "look_at", "stuck_reason"])
    lacking = Money(row.lacking_minor, row.currency)
    post(
        key=f"difference:{row.pk}",
        kind=Kind.CORRECTION,
        entries=chart.moved(lacking, debit=chart.place(row.provider), credit=chart.DIFFERENCE),
        at=now,
        reference=row.reference,
        detail={"provider": row.provider, "about": row.about, "reason": reason},
    )
    detail = {"kind": row.kind, "about": row.about, "amount": str(lacking), "reason": reason}
    audit(actor=by, act="difference_settle", subject=f"difference:{row.pk}", detail=detail, now=now)
    return row


def _difference(pk: int) -> Difference:
    try:
        return agenda.locked(Difference, pk)
    except Difference.DoesNotExist:
        raise errors.difference_unknown() from None
