"""Addresses of the pretend PayPal, below /paypal/."""

from __future__ import annotations

from django.urls import path, re_path

from lineaviva.sandbox.paypal import api, pages

urlpatterns = [
    path("v1/oauth2/token", api.token),
    path("checkoutnow", pages.approve),
    path("agreements/approve", pages.agree),
    re_path(r"^(?P<path>v[123]/.+)$", api.api),
]
