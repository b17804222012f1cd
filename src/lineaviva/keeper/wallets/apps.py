"""Django's entry for wallets and vouchers."""

from __future__ import annotations

from django.apps import AppConfig


class WalletsConfig(AppConfig):
    name = "lineaviva.keeper.wallets"
    label = "wallets"
