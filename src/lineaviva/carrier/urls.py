"""Addresses of the carrier program: TM Forum's APIs, where their tokens come from, its figures, and nothing else."""

from __future__ import annotations

from django.urls import include, path

from lineaviva.carrier.tmf.api import api
from lineaviva.kernel.agenda.exposition import metrics

urlpatterns = [
    path("oauth2/", include("lineaviva.carrier.access.urls")),
    path("tmf-api/", api.urls),
    path("metrics", metrics, name="metrics"),
]
