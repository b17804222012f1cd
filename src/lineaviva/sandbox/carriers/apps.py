"""Django's entry for the sandbox's carriers."""

from __future__ import annotations

from django.apps import AppConfig


class SandboxCarriersConfig(AppConfig):
    name = "lineaviva.sandbox.carriers"
    label = "sandbox_carriers"
