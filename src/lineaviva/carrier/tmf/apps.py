"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierTmfConfig(AppConfig):
    name = "lineaviva.carrier.tmf"
    label = "carrier_tmf"
