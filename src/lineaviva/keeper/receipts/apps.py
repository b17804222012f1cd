"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class ReceiptsConfig(AppConfig):
    name = "lineaviva.keeper.receipts"
    label = "receipts"
