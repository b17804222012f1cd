"""Django's entry for this part of the carrier side."""

from __future__ import annotations

from django.apps import AppConfig


class CarrierSubscriptionsConfig(AppConfig):
    name = "lineaviva.carrier.subscriptions"
    label = "carrier_subscriptions"
