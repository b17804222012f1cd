"""The hub of each API: who is told of its events.

EventSubscription is extended by `secret`, which signs what is sent and is shown with the registration only, and for
listeners that were given up by `disabledAt` and `disabledReason`. Reading one's own listeners is an extension too.
"""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router
from pydantic import Field

from lineaviva.carrier.hub.actions import listener_add, listener_remove
from lineaviva.carrier.hub.models import Listener
from lineaviva.carrier.hub.queries import listeners_of
from lineaviva.carrier.tmf.common import Part, dump, href
from lineaviva.carrier.tmf.door import caller
from lineaviva.carrier.tmf.rest import Json, number_of
from lineaviva.kernel import clock
from lineaviva.kernel.errors import NotAllowed, NotFound


class EventSubscriptionInput(Part):
    """`query`: `eventType=A,B&event.productOffering.lifecycleStatus=Active`; none is for every event of the API."""

    callback: str = Field(max_length=500)
    query: str = Field("", max_length=1000)


class EventSubscription(Part):
    id: str
    callback: str
    query: str | None = None
    secret: str | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    type: str = "SignedEventSubscription"
    base_type: str = "EventSubscription"


def hub(api: str, base: str) -> Router:
    """The router of `/hub` for one API; its door asks for the scope `hub`."""
    router = Router(tags=["Hub"])

    @router.post("", response={201: EventSubscription}, operation_id=f"{api}_hub_create")
    def hub_create(request: HttpRequest, data: EventSubscriptionInput) -> HttpResponse:
        """Be told. Whoever may not read the API's resources may not be told of them either."""
        who = caller()
        if f"{api}.read" not in who.scopes:
            raise NotAllowed(f"This needs the scope {who.operator}:{api}.read too.", code="insufficient_scope")
        listener = listener_add(
            client_id=who.client_id,
            operator=who.operator,
            api=api,
            callback=data.callback,
            query=data.query,
            now=clock.now(),
        )
        location = href(base, "hub", str(listener.pk))
        body = {**_shown(listener), "secret": listener.secret}
        return JsonResponse(body, status=201, headers={"Location": location, "Cache-Control": "no-store"})

    @router.get("", response=list[EventSubscription], operation_id=f"{api}_hub_list")
    def hub_list(request: HttpRequest) -> HttpResponse:
        """One's own listeners."""
        found = [_shown(one) for one in listeners_of(caller().client_id, api)[:100]]
        return JsonResponse(found, safe=False, headers={"X-Total-Count": str(len(found))})

    @router.get("/{id}", response=EventSubscription, operation_id=f"{api}_hub_read")
    def hub_read(request: HttpRequest, id: str) -> HttpResponse:
        found = listeners_of(caller().client_id, api).filter(pk=_number(id)).first()
        if found is None:
            raise NotFound("There is no such listener.")
        return JsonResponse(_shown(found))

    @router.delete("/{id}", response={204: None}, operation_id=f"{api}_hub_delete")
    def hub_delete(request: HttpRequest, id: str) -> HttpResponse:
        """Be told no more."""
        listener_remove(client_id=caller().client_id, api=api, listener_id=_number(id))
        return HttpResponse(status=204)

    return router


def _number(id: str) -> int:
    found = number_of("", id)
    if found is None:
        raise NotFound("There is no such listener.")
    return found


def _shown(listener: Listener) -> Json:
    return dump(
        EventSubscription(
            id=str(listener.pk),
            callback=listener.callback,
            query=listener.query or None,
            disabled_at=listener.disabled_at,
            disabled_reason=listener.disabled_reason or None,
        )
    )
