"""What makes the pages installable, and the answer to "are you well?"."""

from __future__ import annotations

import json

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from lineaviva.keeper.web import locales
from lineaviva.keeper.web.templatetags.lineaviva import asset

# What a page needs to be read without a network.
SHELL = ("web/app.css", "web/app.js", "web/icons.svg", "web/vendor/htmx.min.js", "web/icon.svg")

ICONS = (
    ("web/icon-192.png", "192x192", "any"),
    ("web/icon-512.png", "512x512", "any"),
    ("web/icon-mask.png", "512x512", "maskable"),
)


def _icon(path: str, sizes: str, purpose: str) -> dict[str, str]:
    return {"src": asset(path), "sizes": sizes, "type": "image/png", "purpose": purpose}


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    document = {
        "name": "Lineaviva",
        "short_name": "Lineaviva",
        "description": _("Keep your Italian number alive"),
        "lang": locales.HTML_LANG[locales.language()],
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f1f4f1",
        "theme_color": "#f1f4f1",
        "icons": [_icon(*facts) for facts in ICONS],
    }
    return JsonResponse(document, content_type="application/manifest+json", json_dumps_params={"ensure_ascii": False})


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """At the root, so that it may serve the whole site; its version changes with any file that it keeps."""
    files = [asset(path) for path in SHELL]
    text = render_to_string("web/sw.js").replace("SHELL_FILES", json.dumps([*files, "/offline/"]))
    version = "-".join(name.rpartition("=")[2][:4] for name in files)
    response = HttpResponse(text.replace("VERSION", version), content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What an installed page shows without a network before any list was kept; the same for every reader."""
    response = render(request, "web/offline.html", {"tabs": []})
    response.headers["X-Lineaviva-Reader"] = ""
    return response


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers, else 503; for load balancers and monitors."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"ok": False, "database": "unreachable"}, status=503)
    return JsonResponse({"ok": True, "database": "reachable"})
