"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierNightlyConfig(AppConfig):
    name = "lineaviva.carrier.nightly"
    label = "carrier_nightly"
