"""allauth alone: how people sign in, whatever our own pages look like."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from lineaviva.config import urls as real


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user))


# Of two patterns with one name the last is the one that `reverse` gives.
urlpatterns = [path("", home), *real.urlpatterns, path("accounts/", include("allauth.urls"))]
