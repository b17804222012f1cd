"""Django's entry for this step."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "lineaviva.keeper.accounts"
    label = "accounts"
