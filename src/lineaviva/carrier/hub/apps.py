"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierHubConfig(AppConfig):
    name = "lineaviva.carrier.hub"
    label = "carrier_hub"
