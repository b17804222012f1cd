"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierOrdersConfig(AppConfig):
    name = "lineaviva.carrier.orders"
    label = "carrier_orders"
