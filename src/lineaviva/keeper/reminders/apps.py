"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "lineaviva.keeper.reminders"
    label = "reminders"
