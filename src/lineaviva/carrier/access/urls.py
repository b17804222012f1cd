"""Addresses below /oauth2/."""

from __future__ import annotations

from django.urls import path

from lineaviva.carrier.access import views

urlpatterns = [path("token", views.token)]
