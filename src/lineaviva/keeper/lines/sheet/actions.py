"""A whole sheet in or out, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime

from django.db import IntegrityError, OperationalError, transaction

from lineaviva.keeper.accounts.actions import email_checked, users_get_or_create
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.rules import DEFAULT_LANGUAGE
from lineaviva.keeper.lines import queries, rules
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.sheet.planning import (
    Existing,
    ImportPlan,
    Planned,
    Progress,
    Wanted,
    planned,
    wanted,
)
from lineaviva.keeper.lines.sheet.reading import RowError, read
from lineaviva.keeper.lines.sheet.writing import DETAILS, Writer
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict

_PART = 500


def lines_import(
    *,
    data: bytes,
    holder: User | None = None,
    holder_email: str = "",
    by: User | None,
    now: datetime,
    dry_run: bool,
    language: str = DEFAULT_LANGUAGE,
    on_read: Progress | None = None,
    on_write: Progress | None = None,
) -> ImportPlan:
    """Plan what a CSV file would change, and unless `dry_run` or any row is wrong do all of it at once.

    `holder`, or the account of `holder_email`, takes the rows that name none; addresses without an account get one, in
    `language`. `by` None is the owner at the command line; a holder may only bring lines of their own, operations
    anybody's. InvalidInput when the file cannot be read at all; mistakes in rows are in the plan's `errors`. The same
    file again changes nothing.
    """
    sheet = read(data)
    if holder is not None:
        holder_email = holder.email
    rows, errors = wanted(
        sheet,
        default_email=email_checked(holder_email, field="holder") if holder_email else "",
        email_checked=lambda text: email_checked(text, field="holder_email"),
        today=rome_date(now),
        progress=on_read,
    )
    errors += _not_theirs(rows, by)
    try:
        with ExitStack() as stack:
            if not dry_run:
                stack.enter_context(transaction.atomic())
            return _planned_and_done(
                rows, errors, by=by, now=now, dry_run=dry_run, language=language, on_write=on_write
            )
    except IntegrityError:
        raise _raced() from None
    except OperationalError as error:
        if "deadlock" in str(error):
            raise _raced() from None
        raise


def _raced() -> Conflict:
    return Conflict("Lines were changed meanwhile; nothing was imported, try again.", code="import_raced")


def _planned_and_done(
    rows: list[Wanted],
    errors: list[RowError],
    *,
    by: User | None,
    now: datetime,
    dry_run: bool,
    language: str,
    on_write: Progress | None,
) -> ImportPlan:
    emails = {row.email for row in rows}
    known = {user.email for user in _users(emails, lock=not dry_run)}
    lines = _lines_there(emails, lock=not dry_run)
    happened = queries.happened_by_line([line.pk for line in lines.values()])
    there = {key: _existing(line, happened.get(line.pk, [])) for key, line in lines.items()}
    plan_rows, wrong = planned(rows, there)
    plan = ImportPlan(plan_rows, [*errors, *wrong], sorted(emails - known))
    if not plan.errors and not dry_run:
        holders = users_get_or_create(emails=emails, language=language, now=now)
        writer = Writer(by=by, now=now, progress=on_write)
        writer.add(_those(plan_rows, "add"), holders)
        writer.change(_those(plan_rows, "change"), lines, happened)
        plan.applied = True
    return plan


def _those(rows: Iterable[Planned], act: str) -> list[Planned]:
    return [row for row in rows if row.act == act]


def _not_theirs(rows: list[Wanted], by: User | None) -> list[RowError]:
    if by is None or by.role == "operations":
        return []
    return [
        RowError(row.line, "holder_email", "holder_not_you", "You can only bring lines of your own.")
        for row in rows
        if row.email != by.email
    ]


def _users(emails: Iterable[str], *, lock: bool = False) -> list[User]:
    """The accounts that there are. `lock` keeps other imports for these holders waiting, and nobody else."""
    wanted_emails = sorted(emails)
    users = User.objects.select_for_update(no_key=True) if lock else User.objects.all()
    found: list[User] = []
    for start in range(0, len(wanted_emails), _PART):
        found.extend(users.filter(email__in=wanted_emails[start : start + _PART]).order_by("email"))
    return found


def _lines_there(emails: Iterable[str], *, lock: bool) -> dict[tuple[str, str], Line]:
    """Lines of these holders by address and number; locked in one order: two imports cannot block each other."""
    by_id = {user.pk: user.email for user in _users(emails)}
    ids = sorted(by_id)
    found: dict[tuple[str, str], Line] = {}
    for start in range(0, len(ids), _PART):
        lines = Line.objects.filter(holder_id__in=ids[start : start + _PART], removed_at=None).order_by("pk")
        for line in lines.select_for_update() if lock else lines:
            found[by_id[line.holder_id], line.msisdn] = line
    return found


def _existing(line: Line, happened: list[rules.Happened]) -> Existing:
    fields = {name: getattr(line, name) for name in DETAILS}
    return Existing(fields, rules.told_topup(happened), rules.last_topup(happened))
