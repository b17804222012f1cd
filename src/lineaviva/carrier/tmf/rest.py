"""TMF630, what all of TM Forum's REST APIs share: `fields`, `offset`, `limit`, filters, PATCH, error bodies."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import isfinite
from operator import or_
from typing import Annotated, Any, TypeAlias, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.parser import Parser
from pydantic import BaseModel, Field, ValidationError

from lineaviva.carrier.filtering import alternatives, matches
from lineaviva.carrier.tmf.common import Error, Part, dump
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NotFound

log = logging.getLogger(__name__)
MOST = 100  # resources in one answer
_MOST_VALUES = 50  # alternatives of one filter
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
    wanted = filters(request)
    kept = [resource for resource in resources if matches(resource, wanted)]
    return _listed(kept[page.offset :][: min(page.limit, MOST)], len(kept), page.fields)


# --- lists of resources that are rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Rows that are shown as resources. `lookups`: attribute -> condition of the rows, or None where none can match.

    `complete` reads what a page of rows needs beside them, at once for all.
    """

    rows: QuerySet[Any]
    lookups: Mapping[str, Callable[[str], Mapping[str, Any] | None]]
    resource: Callable[[Any], Json]
    complete: Callable[[Sequence[Any]], None] = lambda rows: None

    def filtered(self, wanted: Mapping[str, Sequence[str]]) -> QuerySet[Any]:
        """The rows with one of the values for each attribute."""
        rows = self.rows
        for attribute, values in wanted.items():
            found = [self.lookups[attribute](value) for value in values]
            conditions = [condition for condition in found if condition is not None]
            if not conditions:
                return rows.none()
            # An empty condition holds for every row.
            if all(conditions):
                rows = rows.filter(reduce(or_, (Q(**condition) for condition in conditions)))
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
        source.complete(part)
        body += [source.resource(row) for row in part]
        offset, room, total = max(0, offset - count), room - len(part), total + count
    return _listed(body, total, page.fields)


def filters(request: HttpRequest) -> dict[str, list[str]]:
    """The query's attribute filters, each with the values of which one must be there."""
    wanted = {name: alternatives(request.GET.getlist(name)) for name in request.GET.keys() - Page.model_fields.keys()}
    for name, values in wanted.items():
        for text in (name, *values):
            _refuse_odd_text(text)
        if len(values) > _MOST_VALUES:
            raise InvalidInput(f"A filter takes up to {_MOST_VALUES} values.", field=name)
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


PATCH_TYPE = "application/merge-patch+json"
_TYPES = {"PATCH": ("application/json", PATCH_TYPE)}


class JsonParser(Parser):
    """Reads a body strictly: JSON by its content type, in UTF-8, without what no database takes as text."""

    def parse_body(self, request: HttpRequest) -> Any:
        taken = _TYPES.get(request.method or "", ("application/json",))
        if request.content_type not in taken:
            raise LineavivaError(f"Send the body as {' or '.join(taken)}.", code="media_type", status=415)
        try:
            document = json.loads(request.body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise InvalidInput("The body is not JSON in UTF-8.", code="not_json") from error
        _refuse_odd_texts(document)
        return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    found = float(text)
    if not isfinite(found):
        raise ValueError(f"{text} is too large")
    return found


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


def sent(request: HttpRequest) -> Json:
    """The body, which must be an object. Raises LineavivaError (media_type) and InvalidInput."""
    document = JsonParser().parse_body(request)
    if not isinstance(document, dict):
        raise InvalidInput("The body is no JSON object.", field="body")
    return document


P = TypeVar("P", bound=Part)


def validated(kind: type[P], document: Any) -> P:
    """The document as that part. Raises InvalidInput that names the first attribute that is wrong."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidInput(f"{where}: {first['msg']}.", field=where) from None


def merged(document: Any, patch: Any) -> Any:
    """The document after a JSON merge patch (RFC 7396): null takes an attribute away, a list replaces a list."""
    if not isinstance(patch, dict):
        return patch
    found = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


# --- errors -------------------------------------------------------------------------------------------------------


def problem(status: int, code: str, reason: str, message: str | None = None) -> JsonResponse:
    """An answer with TMF630's error body; 401 and 403 with the challenge of RFC 6750."""
    body = dump(Error(code=code, reason=reason, message=message, status=str(status)))
    challenge = _CHALLENGES.get(code)
    return JsonResponse(body, status=status, headers={"WWW-Authenticate": challenge} if challenge else {})


_REALM = 'Bearer realm="tmf-api"'
_CHALLENGES = {
    "unauthorized": _REALM,
    "invalid_token": f'{_REALM}, error="invalid_token"',
    "insufficient_scope": f'{_REALM}, error="insufficient_scope"',
}


def refused(_request: HttpRequest, error: LineavivaError) -> HttpResponse:
    message = f"See {error.field}." if error.field else None
    return problem(error.status, error.code, error.message, message)


def unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    if "Authorization" not in request.headers:
        return problem(401, "unauthorized", "Send a bearer token; POST /oauth2/token gives one.")
    return problem(401, "invalid_token", "The bearer token is none of ours or has expired. Fetch another.")


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
