"""Addresses below /sandbox/ of a pretend carrier."""

from __future__ import annotations

from django.urls import path

from lineaviva.sandbox.carriers import views

urlpatterns = [
    path("sandbox/knobs", views.knobs),
    path("sandbox/audit", views.audit),
    path("sandbox/subscriptions", views.subscriptions),
]
