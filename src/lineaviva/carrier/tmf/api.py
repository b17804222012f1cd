"""The carrier's API as one: four TM Forum APIs under /tmf-api/, with their common door and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from lineaviva.carrier.tmf import adjusting, balance, buckets, cancelling, catalog, history, inventory, ordering, rest
from lineaviva.carrier.tmf.catalog_write import SHAPES
from lineaviva.carrier.tmf.common import BALANCE, CATALOG, INVENTORY, ORDERING, Error, Part
from lineaviva.carrier.tmf.door import OAuth, scoped
from lineaviva.carrier.tmf.hub import hub
from lineaviva.carrier.tmf.inventory_write import ProductUpdate
from lineaviva.kernel.errors import LineavivaError

ROOT = "/tmf-api"
_REASONS = {
    400: "Bad request",
    401: "No token, or none that is good",
    403: "The token's scope does not reach so far, or it is refused",
    404: "Not found",
    406: "Not acceptable",
    409: "Conflict",
    413: "Too large",
    415: "Not JSON",
    500: "Internal error",
}
_EVERYWHERE = (400, 401, 403, 406, 413, 500)
_OF_BODIES = (409, 415)
# What those operations take that read their bodies themselves.
_PARTS: tuple[type[Part], ...] = (
    *(part for shape in SHAPES.values() for part in (shape.create, shape.update)),
    ProductUpdate,
    ordering.ProductOrderUpdate,
)


class TmfApi(NinjaAPI):
    def get_openapi_schema(self, **more: Any) -> Any:
        """ninja's, and the errors that each operation may answer with."""
        schema = super().get_openapi_schema(**more)
        components = schema["components"]["schemas"]
        components["Error"] = Error.model_json_schema(by_alias=True, mode="serialization")
        for part in _PARTS:
            model = part.model_json_schema(ref_template="#/components/schemas/{model}")
            components |= {**model.pop("$defs", {}), part.__name__: model}
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                _say_what_is_sent(method, operation)
                for status in _statuses(path, method):
                    operation["responses"].setdefault(status, {"description": _REASONS[status], "content": body})
        return schema


def _say_what_is_sent(method: str, operation: dict[str, Any]) -> None:
    """The body of those operations that read it themselves."""
    name = operation.pop("x-body", None)
    if name is None:
        return
    content = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    types = ["application/json", *([rest.PATCH_TYPE] if method == "patch" else [])]
    operation["requestBody"] = {"required": True, "content": dict.fromkeys(types, content)}


def _statuses(path: str, method: str) -> tuple[int, ...]:
    of_one = (404,) if "{" in path else ()
    return (*_EVERYWHERE, *of_one, *(() if method == "get" else _OF_BODIES))


api = TmfApi(
    title="TM Forum Open APIs of a prepaid carrier",
    version="4.0.0",
    urls_namespace="tmf",
    docs_url=None,
    parser=rest.JsonParser(),
)
for base, router, name in (
    (CATALOG, catalog.router, "catalog"),
    (ORDERING, ordering.router, "order"),
    (ORDERING, cancelling.router, "order"),
    (INVENTORY, inventory.router, "inventory"),
    (BALANCE, balance.router, "balance"),
    (BALANCE, buckets.router, "balance"),
    (BALANCE, history.router, "balance"),
):
    api.add_router(base.removeprefix(ROOT), router, auth=scoped(name))
# Whoever may top up is paid for it; this makes credit, or takes it away.
api.add_router(BALANCE.removeprefix(ROOT), adjusting.router, auth=OAuth("balance.read", "balance.adjust"))
for base, name in ((CATALOG, "catalog"), (ORDERING, "order"), (INVENTORY, "inventory"), (BALANCE, "balance")):
    api.add_router(f"{base.removeprefix(ROOT)}/hub", hub(name, base), auth=OAuth("hub", "hub"))
answers: dict[type[Exception], Callable[..., HttpResponse]] = {
    LineavivaError: rest.refused,
    AuthenticationError: rest.unauthenticated,
    HttpError: rest.http_error,
    ValidationError: rest.unreadable,
}
for error, answer in answers.items():
    api.add_exception_handler(error, answer)
