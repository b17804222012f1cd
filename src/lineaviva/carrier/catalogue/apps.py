"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierCatalogueConfig(AppConfig):
    name = "lineaviva.carrier.catalogue"
    label = "carrier_catalogue"
