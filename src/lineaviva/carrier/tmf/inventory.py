"""TMF637 Product Inventory Management v4: what a number has. Its operator opens lines, and blocks them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from lineaviva.carrier.tmf import inventory_write
from lineaviva.carrier.tmf.door import operator
from lineaviva.carrier.tmf.inventory_write import ProductCreate, ProductUpdate
from lineaviva.carrier.tmf.lines import lines, plan_numbered, plan_or_404
from lineaviva.carrier.tmf.products import LINE, PLAN, Product, line_products, line_shown, plan_products, plan_shown
from lineaviva.carrier.tmf.rest import Fields, Paging, created, found, list_rows, row_or_404, sent
from lineaviva.kernel import clock
from lineaviva.kernel.clock import rome_date

router = Router(tags=["TMF637 Product Inventory"])


@router.get("/product", response=list[Product])
def product_list(request: HttpRequest, page: Paging) -> HttpResponse:
    return list_rows(request, page, line_products(), plan_products(rome_date(clock.now())))


@router.get("/product/{id}", response=Product)
def product(request: HttpRequest, id: str, fields: Fields = "") -> HttpResponse:
    if id.startswith(LINE):
        return found(line_shown(row_or_404(lines(), LINE, id)), fields)
    return found(plan_shown(plan_or_404(plan_numbered(PLAN)(id))), fields)


@router.post("/product", response={201: Product})
def product_create(request: HttpRequest, product: ProductCreate) -> HttpResponse:
    """Open a line for a number. Its plans are ordered (TMF622)."""
    return created(inventory_write.line_open(operator(), product, clock.now()))


@router.patch("/product/{id}", response=Product, openapi_extra={"x-body": ProductUpdate.__name__})
def product_change(request: HttpRequest, id: str) -> HttpResponse:
    """Block a line, or let it go on: `status` is all that can be patched."""
    return found(inventory_write.product_change(operator(), id, sent(request), clock.now()), "")
