"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierSmdpConfig(AppConfig):
    name = "lineaviva.carrier.smdp"
    label = "carrier_smdp"
