"""Pages of the mailbox. A mail's text is shown as text, whatever it holds; only its links can be followed."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from lineaviva.sandbox.mail import store
from lineaviva.sandbox.provider.texts import words


def _folder() -> Path:
    return Path(settings.SANDBOX_MAIL)


@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """All mails, newest first."""
    context = {"say": words("en"), "lang": "en", "mails": store.newest(_folder())}
    return render(request, "mail/messages.html", context)


@require_safe
def messages_json(_request: HttpRequest) -> JsonResponse:
    """The same for programs: `{"messages": [{name, to, subject, date, text, html, message_id, attachments}, ...]}`."""
    return JsonResponse({"messages": [asdict(mail) for mail in store.newest(_folder())]})


@require_safe
def message(request: HttpRequest, name: str) -> HttpResponse:
    """One mail."""
    mail = store.one(_folder(), name)
    if mail is None:
        raise Http404
    return render(request, "mail/message.html", {"say": words("en"), "lang": "en", "mail": mail})


@require_safe
def attachment(_request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """A mail's attachment, only ever as a download: it may hold anything."""
    found = store.attachment(_folder(), name, number)
    if found is None:
        raise Http404
    title, content = found
    return FileResponse(
        io.BytesIO(content), as_attachment=True, filename=title, content_type="application/octet-stream"
    )
