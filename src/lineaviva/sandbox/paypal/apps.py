"""Django's entry for the sandbox's pretend PayPal."""

from __future__ import annotations

from django.apps import AppConfig


class SandboxPayPalConfig(AppConfig):
    name = "lineaviva.sandbox.paypal"
    label = "paypal"
