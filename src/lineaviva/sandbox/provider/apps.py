"""Django's entry for the sandbox's payment provider."""

from __future__ import annotations

from django.apps import AppConfig


class SandboxProviderConfig(AppConfig):
    name = "lineaviva.sandbox.provider"
    label = "provider"
