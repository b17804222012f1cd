"""TMF620 Product Catalog Management v4: Catalog, Category, ProductOffering, ProductOfferingPrice, ProductSpecification.

What follows from the operator's rulebook file is read only; what the operator makes itself stands beside it. Prices are
told inside the offering (4.1's RefOrValue) as well as at their own address (4.0 knows only references). ImportJob and
ExportJob, which no conformance profile asks for, are not there.
"""

from __future__ import annotations

from types import GenericAlias

from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.tmf import catalog_write
from lineaviva.carrier.tmf.catalog_write import SHAPES, Shape
from lineaviva.carrier.tmf.door import operator
from lineaviva.carrier.tmf.rest import Fields, Paging, created, found, list_of, sent
from lineaviva.carrier.tmf.shelf import Shelf
from lineaviva.kernel import clock
from lineaviva.kernel.errors import NotFound

router = Router(tags=["TMF620 Product Catalog"])


def _add(kind: str, shape: Shape) -> None:
    """The five operations on resources of one kind."""
    one, many = f"/{kind}/{{id}}", f"/{kind}"
    to_create, to_change = {"x-body": shape.create.__name__}, {"x-body": shape.update.__name__}

    @router.get(many, response=GenericAlias(list, (shape.shown,)), operation_id=f"{kind}_list")
    def resource_list(request: HttpRequest, page: Paging) -> HttpResponse:
        return list_of(request, page, _shelf().resources(kind))

    @router.get(one, response=shape.shown, operation_id=f"{kind}_read")
    def resource_read(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
        for resource in _shelf().resources(kind):
            if resource["id"] == id:
                return found(resource, fields)
        raise NotFound("There is no such resource.")

    @router.post(many, response={201: shape.shown}, operation_id=f"{kind}_create", openapi_extra=to_create)
    def resource_create(request: HttpRequest) -> HttpResponse:
        return created(catalog_write.create(operator(), kind, sent(request), clock.now()))

    @router.patch(one, response=shape.shown, operation_id=f"{kind}_change", openapi_extra=to_change)
    def resource_change(request: HttpRequest, id: str) -> HttpResponse:
        return found(catalog_write.change(operator(), kind, id, sent(request), clock.now()), "")

    @router.delete(one, response={204: None}, operation_id=f"{kind}_delete")
    def resource_delete(request: HttpRequest, id: str) -> HttpResponse:
        catalog_write.delete(operator(), kind, id, clock.now())
        return HttpResponse(status=204)


for _kind, _shape in SHAPES.items():
    _add(_kind, _shape)


def _shelf() -> Shelf:
    return Shelf(operator(), clock.now())
