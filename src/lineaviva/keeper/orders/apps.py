"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "lineaviva.keeper.orders"
    label = "orders"
