"""Addresses of the pretend phone, under /phone/; the first is the one that phones' makers use."""

from __future__ import annotations

from django.urls import path

from lineaviva.sandbox.phone import pages

urlpatterns = [
    path("esim_qrcode_provisioning", pages.install),
    path("", pages.phone),
    path("messages", pages.send),
    path("<int:slot>/<slug:act>", pages.switch),
]
