"""Django's entry for the till."""

from __future__ import annotations

from django.apps import AppConfig


class TillConfig(AppConfig):
    name = "lineaviva.keeper.till"
    label = "till"
