from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class AgendaConfig(AppConfig):
    name = "lineaviva.kernel.agenda"
    label = "agenda"

    def ready(self) -> None:
        """Every app's agenda.py registers the steps of its rows."""
        autodiscover_modules("agenda")
