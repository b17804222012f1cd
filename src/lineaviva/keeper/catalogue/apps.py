"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "lineaviva.keeper.catalogue"
    label = "catalogue"
