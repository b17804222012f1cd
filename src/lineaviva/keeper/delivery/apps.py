"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "lineaviva.keeper.delivery"
    label = "delivery"
