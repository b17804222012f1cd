"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierAccessConfig(AppConfig):
    name = "lineaviva.carrier.access"
    label = "carrier_access"
