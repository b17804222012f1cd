"""TMF630, what all of TM Forum's REST APIs share: `fields`, `offset`, `limit`, attribute filters, error bodies."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.parser import Parser
from pydantic import BaseModel, Field

from lineaviva.carrier.tmf.common import Error, dump
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NotFound

log = logging.getLogger(__name__)
MOST = 100  # resources in one answer
Json: TypeAlias = dict[str, Any]


class Page(BaseModel):
    """A limit above 100 is answered with 100, as TMF630 allows: X-Total-Count tells that there is more."""

    offset: int = Field(0, ge=0, lt=2**31)
    limit: int = Field(MOST, ge=1, lt=2**31)
    fields: str = Field("", max_length=1000, description="Attributes to answer with, by comma; id and href always are.")


Paging: TypeAlias = Annotated[Page, Query()]
Fields: TypeAlias = Annotated[str, Query(max_length=1000)]


# --- answers ------------------------------------------------------------------------------------------------------


def shown(resource: Json, fields: str) -> Json:
    """The resource with only the attributes that were asked for; `fields=none` leaves id and href."""
    wanted = {name.strip().split(".")[0] for name in fields.split(",")} - {""}
    if not wanted:
        return resource
    return {name: value for name, value in resource.items() if name in wanted | {"id", "href", "@type"}}


def found(resource: Json, fields: str) -> JsonResponse:
    return JsonResponse(shown(resource, fields))


def created(resource: Json) -> JsonResponse:
    return JsonResponse(resource, status=201, headers={"Location": resource["href"]})


def _listed(resources: Iterable[Json], total: int, fields: str) -> JsonResponse:
    body = [shown(resource, fields) for resource in resources]
    headers = {"X-Total-Count": str(total), "X-Result-Count": str(len(body))}
    return JsonResponse(body, safe=False, headers=headers)


# --- lists of resources that are made in memory -------------------------------------------------------------------


def list_of(request: HttpRequest, page: Page, resources: Sequence[Json]) -> JsonResponse:
    """A page of `resources`, filtered by any of their attributes (`name=x`, `category.id=topup`)."""
    kept = [resource for resource in resources if _matches(resource, filters(request))]
    return _listed(kept[page.offset :][: min(page.limit, MOST)], len(kept), page.fields)


def _matches(resource: Json, wanted: Mapping[str, str]) -> bool:
    return all(value in _values(resource, path.split(".")) for path, value in wanted.items())


def _values(found: Any, path: Sequence[str]) -> list[str]:
    """What the path leads to, as text; through each element where it meets a list."""
    if isinstance(found, list):
        return [value for one in found for value in _values(one, path)]
    if path:
        return _values(found.get(path[0]), path[1:]) if isinstance(found, dict) else []
    return [json.dumps(found) if isinstance(found, bool) else str(found)]


# --- lists of resources that are rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Rows that are shown as resources. `lookups`: attribute -> condition of the rows, or None where none can match."""

    rows: QuerySet[Any]
    lookups: Mapping[str, Callable[[str], Mapping[str, Any] | None]]
    resource: Callable[[Any], Json]

    def filtered(self, wanted: Mapping[str, str]) -> QuerySet[Any]:
        rows = self.rows
        for attribute, value in wanted.items():
            condition = self.lookups[attribute](value)
            rows = rows.none() if condition is None else rows.filter(**condition)
        return rows


def list_rows(request: HttpRequest, page: Page, *sources: Source) -> JsonResponse:
    """A page of the sources' rows, one source after the other. InvalidInput on an attribute that is no filter here."""
    wanted = filters(request)
    known = set.intersection(*(set(source.lookups) for source in sources))
    for attribute in wanted.keys() - known:
        raise InvalidInput(
            f"There is no filter by {attribute!r} here; there is: {', '.join(sorted(known))}.", field=attribute
        )
    offset, room, total, body = page.offset, min(page.limit, MOST), 0, []
    for source in sources:
        rows = source.filtered(wanted)
        count = rows.count()
        part = list(rows[offset : offset + room]) if room and offset < count else []
        body += [source.resource(row) for row in part]
        offset, room, total = max(0, offset - count), room - len(part), total + count
    return _listed(body, total, page.fields)


def filters(request: HttpRequest) -> dict[str, str]:
    """The query's attribute filters; the last one counts where one is given twice."""
    names = request.GET.keys() - Page.model_fields.keys()
    wanted = {name: request.GET[name] for name in names}
    for text in [*wanted, *wanted.values()]:
        _refuse_odd_text(text)
    return wanted


def same(column: str) -> Callable[[str], Mapping[str, Any]]:
    """The lookup of an attribute that is a column."""
    return lambda value: {column: value}


def numbered(prefix: str) -> Callable[[str], Mapping[str, Any] | None]:
    """The lookup of an `id` that is a row's number behind `prefix`."""
    return lambda value: {"pk": pk} if (pk := number_of(prefix, value)) is not None else None


def number_of(prefix: str, identity: str) -> int | None:
    """12 of `credit-12` for the prefix `credit-`; None where it is no such id."""
    digits = identity.removeprefix(prefix)
    fits = identity.startswith(prefix) and digits.isascii() and digits.isdecimal() and len(digits) <= 18
    return int(digits) if fits else None


def row_or_404(rows: QuerySet[Any], prefix: str, identity: str) -> Any:
    """The row behind a resource's id. Raises NotFound."""
    pk = number_of(prefix, identity)
    row: Model | None = rows.filter(pk=pk).first() if pk is not None else None
    if row is None:
        raise NotFound("There is no such resource.")
    return row


# --- what comes in ------------------------------------------------------------------------------------------------


class JsonParser(Parser):
    """Reads a body strictly: JSON by its content type, in UTF-8, without what no database takes as text."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise LineavivaError("Send the body as application/json.", code="media_type", status=415)
        try:
            document = json.loads(request.body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("The body is not JSON in UTF-8.", code="not_json") from error
        _refuse_odd_texts(document)
        return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _refuse_odd_texts(document: Any) -> None:
    waiting = [document]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            _refuse_odd_text(found)
        elif isinstance(found, dict):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            waiting += found


def _refuse_odd_text(text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput("A text has characters that are none.", code="text_invalid")


# --- errors -------------------------------------------------------------------------------------------------------


def problem(status: int, code: str, reason: str, message: str | None = None) -> JsonResponse:
    """An answer with TMF630's error body."""
    body = dump(Error(code=code, reason=reason, message=message, status=str(status)))
    headers = {"WWW-Authenticate": 'Bearer realm="tmf-api"'} if status == 401 else {}
    return JsonResponse(body, status=status, headers=headers)


def refused(_request: HttpRequest, error: LineavivaError) -> HttpResponse:
    message = f"See {error.field}." if error.field else None
    return problem(error.status, error.code, error.message, message)


def unauthenticated(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return problem(401, "unauthorized", "Send the bearer token that was agreed.")


def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    # ninja hides what its parser raised behind an error of its own.
    if isinstance(error.__cause__, LineavivaError):
        return refused(request, error.__cause__)
    return problem(error.status_code, "bad_request", error.message)


def unreadable(_request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    """The first thing that is wrong, in one sentence that names the attribute."""
    first = error.errors[0]
    # ninja puts the part of the request, and for a body its argument's name, in front.
    path = [str(step) for step in first["loc"]][1:]
    where = ".".join(path[1:] if first["loc"][0] == "body" and len(path) > 1 else path) or "body"
    return problem(400, "invalid_input", f"{where}: {first['msg']}.", f"See {where}.")
