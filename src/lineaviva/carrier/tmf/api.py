"""The carrier's API as one: four TM Forum APIs under /tmf-api/, with their common door and errors."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from lineaviva.carrier.tmf import balance, catalog, inventory, ordering, rest
from lineaviva.carrier.tmf.common import BALANCE, CATALOG, INVENTORY, ORDERING
from lineaviva.carrier.tmf.door import BearerToken
from lineaviva.kernel.errors import LineavivaError

ROOT = "/tmf-api"

api = NinjaAPI(
    title="TM Forum Open APIs of a prepaid carrier",
    version="4.0.0",
    urls_namespace="tmf",
    docs_url=None,
    auth=BearerToken(),
    parser=rest.JsonParser(),
)
for base, router in (
    (CATALOG, catalog.router),
    (ORDERING, ordering.router),
    (INVENTORY, inventory.router),
    (BALANCE, balance.router),
):
    api.add_router(base.removeprefix(ROOT), router)
answers: dict[type[Exception], Callable[..., HttpResponse]] = {
    LineavivaError: rest.refused,
    AuthenticationError: rest.unauthenticated,
    HttpError: rest.http_error,
    ValidationError: rest.unreadable,
}
for error, answer in answers.items():
    api.add_exception_handler(error, answer)
