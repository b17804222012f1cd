"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    name = "lineaviva.keeper.renewals"
    label = "renewals"
