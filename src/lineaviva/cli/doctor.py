"""Looks at everything that this installation stands on, and says of each what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import typer

from lineaviva.cli import output
from lineaviva.cli.output import Json
from lineaviva.kernel import clock

if TYPE_CHECKING:
    from lineaviva.kernel.agenda.models import AgendaRow

app = typer.Typer()

State = Literal["ok", "warn", "fail"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CLOCK_WARN, CLOCK_FAIL = timedelta(seconds=5), timedelta(minutes=5)
LATE_WARN, LATE_FAIL = timedelta(minutes=2), timedelta(minutes=15)
DISK_WARN, DISK_FAIL = 2 * 1024**3, 200 * 1024**2
CATALOGUE_OLD = timedelta(days=1)
# Read where no settings are: by the clock, and by the sandbox's own processes.
_NOT_IN_SETTINGS = ("LINEAVIVA_CLOCK", "LINEAVIVA_SANDBOX")


@dataclass(frozen=True)
class Check:
    """One line of the report; `do` says what to do about it."""

    name: str
    state: State
    detail: str
    do: str = ""


@app.command()
def doctor(json: Json = False) -> None:
    """Check settings, database, SMTP, clock, rulebook, fonts, disk, worker, payments, carriers and eSIM servers.

    Exit code 1 when something fails. Example: `lineaviva doctor`
    """
    checks = list(_checks())
    failed = any(check.state == "fail" for check in checks)
    if json:
        output.print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}
        rows = [(check.name, marks[check.state], _both(check)) for check in checks]
        output.print_table("", ["What", "", "How it stands, and what to do"], rows)
    if failed:
        raise typer.Exit(1)


def _both(check: Check) -> str:
    from rich.markup import escape

    return escape(f"{check.detail} {check.do}".strip())


def _checks() -> Iterator[Check]:
    from django.core.exceptions import ImproperlyConfigured

    from lineaviva.cli.doctor_esim import check_profiles

    try:
        output.setup_django()
    except ImproperlyConfigured as error:
        yield Check("settings", "fail", str(error), "Set it as docs/settings.md says.")
        return
    yield from check_settings()
    yield check_key()
    database = check_database()
    yield database
    for check in (check_smtp, check_clock, check_rulebook, check_fonts, check_disk, check_payments):
        yield check()
    yield from check_carriers()
    yield from check_profiles()
    if database.state != "fail":
        yield from (check_worker(), check_stuck(), check_catalogue())


# --- what stands in settings and files ------------------------------------------------------------------------------


def check_settings() -> Iterator[Check]:
    """The address under which people come, and names in the environment that nobody reads."""
    from django.conf import settings

    from lineaviva.config import env

    address = urlsplit(settings.PUBLIC_URL)
    host = address.hostname or ""
    if host not in settings.ALLOWED_HOSTS and "*" not in settings.ALLOWED_HOSTS:
        do = f"Add {host} to LINEAVIVA_HOSTS."
        yield Check("settings", "fail", f"Requests to {settings.PUBLIC_URL} would be refused.", do)
    elif address.scheme != "https" and host not in LOOPBACK:
        do = "Put a TLS proxy in front and begin LINEAVIVA_PUBLIC_URL with https://."
        yield Check("settings", "fail", f"{settings.PUBLIC_URL} is not encrypted.", do)
    else:
        yield Check("settings", "ok", f"Reached as {settings.PUBLIC_URL}.")
    known = set(env.READ) | {f"{name}_FILE" for name in env.READ}
    for name in sorted(set(os.environ) - known):
        if name.startswith("LINEAVIVA_") and not name.startswith(_NOT_IN_SETTINGS):
            yield Check("settings", "warn", f"Nothing reads {name}.", "Look for a slip of the pen; docs/settings.md.")


def check_key() -> Check:
    """The key that signs sessions and links: long, and nobody else's to read."""
    from django.conf import settings

    path = settings.HOME / "secret.key"
    if len(settings.SECRET_KEY) < 32:
        return Check("secret key", "fail", "It is short enough to be guessed.", "Use 40 random characters or more.")
    if path.exists() and path.stat().st_mode & 0o077:
        return Check("secret key", "fail", f"Others on this machine can read {path}.", f"chmod 600 {path}")
    return Check("secret key", "ok", "Long, and readable by its owner only.")


def check_rulebook() -> Check:
    from lineaviva import rulebook

    try:
        count = len(rulebook.load().operators)
    except rulebook.RulebookBroken as error:
        return Check("rulebook", "fail", error.message, "Correct the file; lineaviva rulebook check.")
    return Check("rulebook", "ok", f"{count} operators.")


def check_fonts() -> Check:
    from lineaviva.keeper.receipts import pdf

    wanted = {"NotoSans-Regular.ttf", "NotoSansCJKsc-Regular.otf", "NotoSansCJKtc-Regular.otf", "coverage.txt"}
    missing = sorted(name for name in wanted if not (pdf.FONTS / name).is_file())
    if missing:
        do = "Install the package again."
        return Check("fonts", "fail", f"Receipts cannot be printed: {', '.join(missing)} missing.", do)
    return Check("fonts", "ok", f"{len(pdf.coverage()):,} characters can be printed.")


def check_disk() -> Check:
    from django.conf import settings

    free = shutil.disk_usage(settings.HOME).free
    said = f"{free / 1024**3:.1f} GB free in {settings.HOME}."
    if free < DISK_WARN:
        return Check(
            "disk", "fail" if free < DISK_FAIL else "warn", said, "Make room before the database cannot write."
        )
    return Check("disk", "ok", said)


# --- what must answer -----------------------------------------------------------------------------------------------


def check_database() -> Check:
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return Check(
            "database", "fail", f"It cannot be reached: {what}", "Check LINEAVIVA_DATABASE_URL and the server."
        )
    if missing:
        return Check("database", "fail", f"{len(missing)} migrations are missing.", "lineaviva migrate")
    if connection.vendor == "postgresql" and not _ends_silent_transactions():
        do = "ALTER ROLE ... SET idle_in_transaction_session_timeout = '60s', as docs/operating.md says."
        return Check("database", "warn", "A host that is lost may leave rows locked for hours.", do)
    return Check("database", "ok", f"{connection.display_name}, up to date.")


def _ends_silent_transactions() -> bool:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        return str(cursor.fetchone()[0]) != "0"


def check_smtp() -> Check:
    """Connect, EHLO, STARTTLS and login as the program will; no message is sent."""
    from django.conf import settings

    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=5) as server:
            server.ehlo()
            if settings.EMAIL_USE_TLS:
                server.starttls(context=ssl.create_default_context())
            if settings.EMAIL_HOST_USER:
                server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
    except (smtplib.SMTPException, OSError) as error:
        do = "Check LINEAVIVA_SMTP_HOST, _PORT, _USER, _PASSWORD and _STARTTLS; until then no reminder goes out."
        return Check("smtp", "fail", f"{where} did not take us: {type(error).__name__}.", do)
    if not settings.EMAIL_USE_TLS and settings.EMAIL_HOST not in LOOPBACK:
        return Check("smtp", "warn", f"{where} answers, without encryption.", "Set LINEAVIVA_SMTP_STARTTLS=yes.")
    return Check("smtp", "ok", f"{where} answers.")


def check_clock() -> Check:
    """This machine's time against the database's, or else a carrier's: a deadline is a matter of the right day."""
    if os.environ.get("LINEAVIVA_CLOCK"):
        return Check("clock", "warn", f"Moved: it is {clock.now():%Y-%m-%d %H:%M} UTC here.", "Unset LINEAVIVA_CLOCK.")
    name, other = next(((name, at) for name, at in _other_clocks() if at), ("", None))
    if other is None:
        return Check("clock", "ok", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; there is no other clock to ask.")
    apart = abs(datetime.now(UTC) - other)
    said = f"{apart.total_seconds():.1f} s apart from the {name}'s."
    if apart > CLOCK_WARN:
        return Check("clock", "fail" if apart > CLOCK_FAIL else "warn", said, "Let both machines keep time by NTP.")
    return Check("clock", "ok", said)


def _other_clocks() -> Iterator[tuple[str, datetime | None]]:
    from django.conf import settings

    yield "database", _database_clock()
    for operator, url in settings.TMF_URLS.items():
        yield f"carrier {operator}", _http_clock(url)


def _database_clock() -> datetime | None:
    """None on SQLite, which has no clock of its own, and where the database does not answer."""
    from django.db import DatabaseError, connection

    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            at: datetime = cursor.fetchone()[0]
            return at
    except DatabaseError:
        return None


def _http_clock(url: str) -> datetime | None:
    import httpx

    try:
        return parsedate_to_datetime(httpx.head(url, timeout=3).headers["Date"])
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError):
        return None


def check_carriers() -> Iterator[Check]:
    """One cheap question to each carrier side, with our token."""
    from django.conf import settings

    if not settings.TMF_URLS:
        do = "Set LINEAVIVA_TMF_URLS and LINEAVIVA_TMF_CLIENTS; until then nothing can be activated from here."
        yield Check("carriers", "warn", "None is configured.", do)
    for operator, url in settings.TMF_URLS.items():
        yield _carrier(operator, url)


def _carrier(operator: str, url: str) -> Check:
    import httpx
    from django.conf import settings

    from lineaviva.kernel import oauth
    from lineaviva.kernel.errors import NeedsPerson, Temporary

    name, path = f"carrier {operator}", "/tmf-api/productCatalogManagement/v4/productOffering?limit=1"
    if operator not in settings.TMF_CLIENTS:
        return Check(name, "fail", f"We have no client for {url}.", "Name one in LINEAVIVA_TMF_CLIENTS.")
    base = url.rstrip("/")
    try:
        token = oauth.TOKENS.token(oauth.Client(base, *settings.TMF_CLIENTS[operator]))
        answer = httpx.get(base + path, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    except NeedsPerson:
        return Check(name, "fail", f"{url} does not take our client.", "Check LINEAVIVA_TMF_CLIENTS.")
    except Temporary as error:
        return Check(name, "fail", f"{url}: {error.reason}.", "Check LINEAVIVA_TMF_URLS; orders wait meanwhile.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        do = "Check LINEAVIVA_TMF_URLS and that side; orders wait meanwhile."
        return Check(name, "fail", f"{url} cannot be reached: {type(error).__name__}.", do)
    if answer.status_code in {401, 403}:
        return Check(name, "fail", f"{url} does not let our client read.", "Check LINEAVIVA_TMF_CLIENTS.")
    if answer.status_code not in {200, 206}:
        return Check(name, "fail", f"{url} answered {answer.status_code}.", "Ask that side; orders wait meanwhile.")
    return Check(name, "ok", f"{url} answers.")


def check_payments() -> Check:
    from django.conf import settings

    from lineaviva.keeper.payments.velocity import velocity

    try:
        velocity(settings.PAYMENT_LIMITS)
    except (OSError, ValueError) as error:
        do = "Mend the file that LINEAVIVA_PAYMENT_LIMITS names, or unset it."
        return Check("payments", "fail", f"Nothing can be paid, for its limits cannot be read: {error}.", do)
    cards, paypal = bool(settings.STRIPE_API_KEY), bool(settings.PAYPAL_CLIENT_ID and settings.PAYPAL_SECRET)
    said = {(True, True): "Cards, PayPal and cash", (True, False): "Cards and cash", (False, True): "PayPal and cash"}
    ways = said.get((cards, paypal), "Cash only")
    if bool(settings.PAYPAL_CLIENT_ID) != bool(settings.PAYPAL_SECRET):
        do = "Set both LINEAVIVA_PAYPAL_CLIENT_ID and LINEAVIVA_PAYPAL_SECRET, or neither."
        return Check("payments", "warn", f"{ways}; PayPal is set up by half.", do)
    if not cards and not paypal:
        do = "Set LINEAVIVA_STRIPE_API_KEY to take cards, LINEAVIVA_PAYPAL_CLIENT_ID and _SECRET to take PayPal."
        return Check("payments", "warn", f"{ways}; card payment is switched off.", do)
    unheard = {
        "Stripe": (cards and not settings.STRIPE_WEBHOOK_SECRET, "LINEAVIVA_STRIPE_WEBHOOK_SECRET"),
        "PayPal": (paypal and not settings.PAYPAL_WEBHOOK_ID, "LINEAVIVA_PAYPAL_WEBHOOK_ID"),
    }
    for name, (missing, setting) in unheard.items():
        if missing:
            do = f"Set {setting}; until then payments are noticed by asking, a little later."
            return Check("payments", "warn", f"{ways}; webhooks of {name} cannot be believed.", do)
    in_public = settings.PUBLIC_URL.startswith("https://")
    if in_public and "_test_" in settings.STRIPE_API_KEY:
        return Check("payments", "warn", "Cards by a test key: nobody is charged.", "Use the live key.")
    if in_public and paypal and "sandbox" in settings.PAYPAL_API_BASE:
        do = "Set LINEAVIVA_PAYPAL_API_BASE to PayPal's own address."
        return Check("payments", "warn", "PayPal by its test accounts: nobody is charged.", do)
    return Check("payments", "ok", f"{ways}.")


# --- what should be going on ----------------------------------------------------------------------------------------


def check_worker() -> Check:
    """How long the row has waited that nobody took; on PostgreSQL and SQLite alike this is what a dead worker shows."""
    now = clock.now()
    waiting = [(at, model._meta.model_name) for model in agenda_models() if (at := _oldest_due(model, now))]
    if not waiting:
        return Check("worker", "ok", "Nothing is overdue.")
    since, name = min(waiting)
    late = now - since
    said = f"The oldest {name} has been due for {int(late.total_seconds())} s."
    if late > LATE_WARN:
        return Check("worker", "fail" if late > LATE_FAIL else "warn", said, "Is a worker running? lineaviva worker")
    return Check("worker", "ok", said)


def agenda_models() -> list[type[AgendaRow]]:
    from django.apps import apps

    from lineaviva.kernel.agenda.models import AgendaRow

    return [model for model in apps.get_models() if issubclass(model, AgendaRow)]


def _oldest_due(model: type[AgendaRow], now: datetime) -> datetime | None:
    """Since when the longest waiting row is due that no worker holds and nobody has given up."""
    free = model._base_manager.filter(look_at__lte=now, stuck_reason="").exclude(leased_until__gt=now)
    at: datetime | None = free.order_by("look_at").values_list("look_at", flat=True).first()
    return at


def check_stuck() -> Check:
    count = sum(model._base_manager.exclude(stuck_reason="").count() for model in agenda_models())
    if count:
        return Check("stuck", "warn", f"{count} rows wait for a person.", "lineaviva stuck")
    return Check("stuck", "ok", "Nothing waits for a person.")


def check_catalogue() -> Check:
    """Whether each carrier's price list was read lately; an old one may sell at yesterday's price."""
    from django.conf import settings

    from lineaviva.keeper.catalogue.models import CatalogueSource

    read = dict(CatalogueSource.objects.values_list("operator", "read_at"))
    never = [name for name in settings.TMF_URLS if read.get(name) is None]
    old = [name for name in settings.TMF_URLS if (at := read.get(name)) and clock.now() - at > CATALOGUE_OLD]
    if not read or never or old:
        who = ", ".join(never + old) or "any operator"
        return Check("catalogue", "warn", f"Not read lately: {who}.", "lineaviva catalogue refresh")
    return Check("catalogue", "ok", f"{len(read)} operators, read within a day.")
