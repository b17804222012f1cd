"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class LinesConfig(AppConfig):
    name = "lineaviva.keeper.lines"
    label = "lines"
