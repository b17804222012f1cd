"""The page that Prometheus reads, at /metrics. Without a token in the settings there is no such page."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from lineaviva.kernel import clock
from lineaviva.kernel.agenda.metrics import Figure, figures


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures, for who bears the token: 404 where there is none, 401 for a wrong one, 503 without a database."""
    if not settings.METRICS_TOKEN:
        raise Http404
    borne = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(borne, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    try:
        body = exposition(clock.now())
    except Error:
        return HttpResponse(status=503)
    return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def exposition(now: datetime) -> bytes:
    """All figures at `now` as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures(now)))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, found: Iterable[Figure]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        for figure in self._found:
            gauge = GaugeMetricFamily(figure.name, figure.help, labels=figure.labels)
            for labels, value in figure.values:
                gauge.add_metric(labels, value)
            yield gauge
