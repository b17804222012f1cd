"""The pretend phone's pages, in the program of the pretend bank."""

from __future__ import annotations

from django.apps import AppConfig


class PhoneConfig(AppConfig):
    name = "lineaviva.sandbox.phone"
    label = "sandbox_phone"
