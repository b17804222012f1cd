"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class ActivationConfig(AppConfig):
    name = "lineaviva.keeper.activation"
    label = "activation"
