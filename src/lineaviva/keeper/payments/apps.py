"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "lineaviva.keeper.payments"
    label = "payments"
