"""Addresses of the sandbox's payment provider, which is also the sandbox's front door."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from lineaviva.sandbox.provider import api, audit, disputing, knobs, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", audit.root),
    path("v1/<path:path>", api.api),
    path("pay/<str:name>", pages.pay),
    path("pay/<str:name>/3ds", pages.three_d_secure),
    path("paypal/", include("lineaviva.sandbox.paypal.urls")),
    path("sandbox/knobs", knobs.knobs_view),
    path("sandbox/list", audit.everything),
    path("sandbox/forget", audit.forget),
    path("sandbox/disputes", disputing.open_view),
    path("sandbox/disputes/<str:name>", disputing.decide_view),
]
# The mailbox and the phone are parts of their own.
for part in ("mail", "phone"):
    if find_spec(f"lineaviva.sandbox.{part}") and find_spec(f"lineaviva.sandbox.{part}.urls"):
        urlpatterns.append(path(f"{part}/", include(f"lineaviva.sandbox.{part}.urls")))
