"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierLedgerConfig(AppConfig):
    name = "lineaviva.carrier.ledger"
    label = "carrier_ledger"
