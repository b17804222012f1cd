"""What the pretend phone shows: its profiles, the question before a download, and what went wrong.

Whoever opens an install link on a real phone gets to a page of its maker; on this machine the link leads here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lineaviva.kernel import clock
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput, LineavivaError
from lineaviva.kernel.mask import masked
from lineaviva.sandbox.languages import language_of
from lineaviva.sandbox.phone.texts import failure_of, words


@never_cache
@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    """The profiles on the phone; `?new=1` says that number 1 has just been installed."""
    from lineaviva.sandbox.phone import device

    if not device.exists(_folder()):
        return _page(request, "phone/phone.html", profiles=[])
    chip = device.look(_folder()).chip
    profiles = [
        {"slot": one.slot, "name": one.name, "provider": one.provider, "iccid": masked(one.iccid), "on": one.enabled}
        for one in chip.state.profiles
    ]
    new = next((one for one in profiles if str(one["slot"]) == request.GET.get("new")), None)
    waiting = len(chip.state.notifications)
    return _page(
        request, "phone/phone.html", profiles=profiles, new=new, eid=masked(chip.identity.eid), waiting=waiting
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def install(request: HttpRequest) -> HttpResponse:
    """Ask whether to add the profile of `carddata`; POST downloads it, switches it on and tells its server."""
    from lineaviva.sandbox.phone import using

    told = request.POST if request.method == "POST" else request.GET
    try:
        code = ActivationCode.parse(told.get("carddata", ""))
    except InvalidInput as error:
        return _failed(request, error, None, status=400)
    if request.method != "POST":
        slot = using.slot_of(_folder(), code)
        return _to_phone(slot) if slot else _page(request, "phone/install.html", code=code)
    try:
        return _to_phone(
            using.install(
                _folder(),
                Path(settings.SANDBOX_PHONE_CERTS),
                code,
                confirmation_code=told.get("confirmation_code", "").strip(),
                accept_rules="accept_rules" in told,
                now=clock.now(),
            )
        )
    except LineavivaError as error:
        return _failed(request, error, code)


@never_cache
@require_POST
def switch(request: HttpRequest, slot: int, act: str) -> HttpResponse:
    """Enable, disable or delete a profile, and tell its server."""
    from lineaviva.sandbox.phone import using

    if act not in using.ACTS:
        raise Http404
    try:
        using.switch(_folder(), slot, act, now=clock.now())
    except LineavivaError as error:
        return _failed(request, error, None)
    return _to_phone()


@never_cache
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Tell servers what they have not taken yet."""
    from lineaviva.sandbox.phone import using

    try:
        using.send(_folder())
    except LineavivaError as error:
        return _failed(request, error, None)
    return _to_phone()


def _folder() -> Path:
    return Path(settings.SANDBOX_PHONE)


def _to_phone(new: int = 0) -> HttpResponse:
    answer = HttpResponseRedirect(f"/phone/?new={new}" if new else "/phone/")
    answer.status_code = 303
    return answer


def _failed(
    request: HttpRequest, error: LineavivaError, code: ActivationCode | None, status: int = 409
) -> HttpResponse:
    failure = failure_of(error)
    more = {"failure": failure, "sentence": _words(request)[f"failed_{failure}"], "said": error.message}
    return _page(request, "phone/failed.html", status=status, code=code, **more)


def _words(request: HttpRequest) -> dict[str, str]:
    return words(_language(request))


def _language(request: HttpRequest) -> str:
    return language_of("auto", request.headers.get("Accept-Language", ""))


def _page(request: HttpRequest, template: str, status: int = 200, **more: Any) -> HttpResponse:
    keeper = urlsplit(settings.SANDBOX_WEBHOOK_URL)
    language = _language(request)
    context = {
        "say": words(language),
        # HTML's language tags name the script with a capital.
        "lang": {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}.get(language, language),
        "keeper": f"{keeper.scheme}://{keeper.netloc}/" if keeper.netloc else "",
        **more,
    }
    return render(request, template, context, status=status)
