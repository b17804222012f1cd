"""Addresses of the carrier program: TM Forum's APIs and nothing else."""

from __future__ import annotations

from django.urls import path

from lineaviva.carrier.tmf.api import api

urlpatterns = [path("tmf-api/", api.urls)]
