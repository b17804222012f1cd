"""Lines in and out as CSV: what a file would change is shown first, and done all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from lineaviva import rulebook
from lineaviva.keeper.lines.queries import lines_of
from lineaviva.keeper.lines.sheet.actions import lines_import
from lineaviva.keeper.lines.sheet.export import lines_export
from lineaviva.keeper.lines.sheet.planning import Change, ImportPlan, Planned
from lineaviva.keeper.lines.sheet.reading import RowError
from lineaviva.keeper.web import locales, words
from lineaviva.keeper.web.doors import reader
from lineaviva.keeper.web.forms import ImportForm
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput, LineavivaError

_SALT = "lineaviva.import"
_SHOWN = 200
# The file travels through the page, packed and signed, between "show" and "save": nothing of it is kept here meanwhile.
_PACKED_MOST = 1024 * 1024
_HELD_SECONDS = 3600


@dataclass(frozen=True)
class Row:
    row: int
    msisdn: str
    words: str


@dataclass(frozen=True)
class Wrong:
    row: int
    field: str
    words: str


@dataclass(frozen=True)
class Plan:
    """A dry run in words."""

    rows: list[Row]
    errors: list[Wrong]
    wrong_rows: int
    added: int
    changed: int
    same: int


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def line_import(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" and "confirm" in request.POST:
        return _confirm(request, request.POST["confirm"])
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    facts: dict[str, Any] = {"form": form, "slugs": sorted(one.slug for one in rulebook.operators())}
    if request.method == "POST" and form.is_valid():
        try:
            facts |= _dry_run(request, form.cleaned_data["file"].read())
        except LineavivaError as error:
            form.refuse(error)
    wrong = form.errors or (facts.get("plan") and facts["plan"].errors)
    return render(request, "web/line_import.html", facts, status=400 if wrong else 200)


def _dry_run(request: HttpRequest, data: bytes) -> dict[str, Any]:
    found = _import(request, data, dry_run=True)
    packed = signing.dumps([reader(request).pk, data.decode("utf-8")], salt=_SALT, compress=True)
    if len(packed) > _PACKED_MOST:
        raise InvalidInput("This file is too large.", code="too_large", field="file", status=413)
    return {"plan": _plan(found), "token": packed}


def _confirm(request: HttpRequest, packed: str) -> HttpResponse:
    """Done anew from the file itself: what changed meanwhile is seen, and the same file again changes nothing."""
    try:
        owner, text = signing.loads(packed, salt=_SALT, max_age=_HELD_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        owner, text = None, ""
    if owner != reader(request).pk:
        messages.error(request, _("That was too long ago. Choose the file again; nothing was saved."))
        return redirect("line_import")
    try:
        found = _import(request, text.encode(), dry_run=False)
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
        return redirect("line_import")
    if not found.applied:
        messages.error(request, _("Something changed in the meantime. Choose the file again; nothing was saved."))
        return redirect("line_import")
    count = found.count("add") + found.count("change")
    saved = ngettext("%(n)s line saved.", "%(n)s lines saved.", count) % {"n": locales.grouped(count)}
    messages.success(request, saved)
    return redirect("home")


def _import(request: HttpRequest, data: bytes, *, dry_run: bool) -> ImportPlan:
    user = reader(request)
    return lines_import(data=data, holder=user, by=user, now=clock.now(), dry_run=dry_run, language=user.language)


def _plan(found: ImportPlan) -> Plan:
    moving = [row for row in found.rows if row.act != "unchanged"]
    return Plan(
        rows=[Row(row.line, row.msisdn, _act(row)) for row in moving[:_SHOWN]],
        errors=[_wrong(error) for error in found.errors[:_SHOWN]],
        wrong_rows=len({error.line for error in found.errors}),
        added=found.count("add"),
        changed=found.count("change"),
        same=found.count("unchanged"),
    )


def _wrong(error: RowError) -> Wrong:
    sentence = words.sentence(InvalidInput(error.message, code=error.code, field=error.field))
    return Wrong(error.line, error.field, sentence)


def _act(row: Planned) -> str:
    if row.act == "add":
        return _("new")
    return "; ".join(_change(change) for change in row.changes)


def _change(change: Change) -> str:
    return f"{change.field}: {change.old or '–'} → {change.new or '–'}"


@login_required
@require_safe
def line_export(request: HttpRequest) -> StreamingHttpResponse:
    """The reader's own lines as the file that an import takes back; `?excel` as an Excel in Italy opens it."""
    pieces = lines_export(lines_of(reader(request)), excel="excel" in request.GET)
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="lineaviva.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
