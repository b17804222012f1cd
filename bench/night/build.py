"""Lines of five operators that are due on one night, as many as wanted, made by SQL."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from bench.night.server import Place

OPERATORS = ("tim", "vodafone", "windtre", "iliad", "ho")
PRICE, PROMO, DEARER = 799, 399, 899
SHARES = {"renewing": 80, "short of credit": 12, "moving on": 5, "promotion or price": 3}


def begin(place: Place) -> None:
    """Empty tables."""
    from django.core.management import call_command
    from django.db import connection, connections

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    else:
        connections.close_all()
        for path in place.home.glob("carrier.sqlite3*"):
            path.unlink()
    call_command("migrate", verbosity=0)
    _offers()


def _offers() -> None:
    """Each operator sells one plan of its own and one whose price changed, with notice given long before the night."""
    from lineaviva.carrier.catalogue.models import OfferChange, OwnPlan
    from lineaviva.carrier.nightly.models import NoticeGiven
    from lineaviva.carrier.partitions import parts

    for operator in OPERATORS:
        for name in ("base", "dearer"):
            OwnPlan.objects.create(
                operator=operator,
                offering_id=f"{operator}-{name}",
                name=name,
                price_minor=PRICE,
                period_months=1,
                data_mb=50_000,
                minutes=-1,
                sms=200,
            )
        change = OfferChange.objects.create(
            operator=operator,
            offering_id=f"{operator}-dearer",
            kind="price",
            announced_on=date(2026, 9, 1),
            from_on=date(2026, 11, 1),
            price_minor=DEARER,
        )
        for part in parts():
            NoticeGiven.objects.create(part=part, change_id=change.pk, on=date(2026, 9, 1))


def lines(many: int, night: str) -> None:
    """So many lines, all of them due on `night`; each has two events and the entries that its credit comes from."""
    from django.db import connection

    day = date.fromisoformat(night)
    params: dict[str, Any] = {
        "night": night,
        "month": _month_before(day).isoformat(),
        "later": (day + timedelta(days=200)).isoformat(),
        **{f"ago{days}": (day - timedelta(days=days)).isoformat() for days in (400, 41, 35, 31, 1)},
        **{f"in{days}": (day + timedelta(days=days)).isoformat() for days in (34, 90, 300)},
    }
    postgres = connection.vendor == "postgresql"
    many_rows = (
        f"generate_series(1, {many}) AS g(n)"
        if postgres
        else f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {many}) SELECT n FROM c) AS g"  # noqa: S608 - names and texts of ours
    )
    with connection.cursor() as cursor:
        for text in _STATEMENTS:
            sql = text.replace("{rows}", many_rows).replace("{yes}", "TRUE" if postgres else "1")
            cursor.execute(sql.replace("{date}", "date" if postgres else ""), params)
        if postgres:
            cursor.execute("VACUUM (ANALYZE, FREEZE)")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("ANALYZE")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=day.day)


# Of each hundred: 0 to 79 can pay, 80 to 91 cannot, 92 to 96 move on in their life, 97 and 98 have a promotion that
# runs or has ended, 99 a price that changed. `n / 100` spreads the operators over all of them.
_OPERATOR = (
    "CASE (n / 100 + n) %% 5 WHEN 0 THEN 'tim' WHEN 1 THEN 'vodafone' WHEN 2 THEN 'windtre' WHEN 3 THEN 'iliad' "
    "ELSE 'ho' END"
)
_CREDIT = "CASE WHEN n %% 100 BETWEEN 80 AND 91 THEN 150 ELSE 1500 END"
_LIFE = "n %% 100 BETWEEN 92 AND 96"
_STATEMENTS = (
    f"""
    INSERT INTO carrier_subscriptions_subscription
           (id, operator, msisdn, status, phase, credit_minor, debt_minor, last_number, currency, extended_on,
            full_service_until, receive_only_until, number_kept_until, suspension_noticed_on, loss_noticed_on, look_on,
            opened_at)
    SELECT n, {_OPERATOR}, '+39' || (3300000000 + n), 'active',
           CASE n %% 100 WHEN 94 THEN 'receive_only' WHEN 95 THEN 'off' WHEN 96 THEN 'off' ELSE 'full_service' END,
           {_CREDIT}, 0, 2, 'EUR', {{date}} %(ago400)s,
           CASE n %% 100 WHEN 92 THEN {{date}} %(in34)s WHEN 93 THEN {{date}} %(ago1)s WHEN 94 THEN {{date}} %(ago31)s
                        WHEN 95 THEN {{date}} %(ago400)s WHEN 96 THEN {{date}} %(ago400)s ELSE {{date}} %(later)s END,
           CASE n %% 100 WHEN 94 THEN {{date}} %(ago1)s WHEN 95 THEN {{date}} %(ago400)s
                        WHEN 96 THEN {{date}} %(ago400)s ELSE {{date}} %(in300)s END,
           CASE n %% 100 WHEN 95 THEN {{date}} %(in34)s WHEN 96 THEN {{date}} %(ago1)s ELSE {{date}} %(in300)s END,
           CASE WHEN n %% 100 BETWEEN 93 AND 96 THEN {{date}} %(ago41)s END,
           CASE n %% 100 WHEN 96 THEN {{date}} %(ago35)s END,
           CASE WHEN {_LIFE} THEN {{date}} %(night)s ELSE {{date}} %(in90)s END,
           '2026-01-01 10:00:00'
      FROM {{rows}}
    """,  # noqa: S608 - names of ours
    f"""
    INSERT INTO carrier_subscriptions_plan
           (subscription_id, number, offering_id, name, price_minor, status, auto_renew, started_on, paid_until,
            due_on, anchor_day, late_days, promo_minor, promo_until, data_left, voice_left, sms_left)
    SELECT n, 2, {_OPERATOR} || CASE n %% 100 WHEN 99 THEN '-dearer' ELSE '-base' END, 'base', {PRICE}, 'active',
           {{yes}}, {{date}} %(month)s, {{date}} %(night)s, {{date}} %(night)s, 22, 0,
           CASE WHEN n %% 100 IN (97, 98) THEN {PROMO} END,
           CASE n %% 100 WHEN 97 THEN {{date}} %(in90)s WHEN 98 THEN {{date}} %(night)s END, 1200, -1, 34
      FROM {{rows}} WHERE NOT ({_LIFE})
    """,  # noqa: S608 - names and texts of ours
    """
    INSERT INTO carrier_subscriptions_number (operator, msisdn, subscription_id)
    SELECT operator, msisdn, id FROM carrier_subscriptions_subscription
    """,
    """
    INSERT INTO carrier_ledger_event
           (subscription_id, number, kind, origin, "on", at, offering_id, amount_minor)
    SELECT id, 1, 'adjusted', 'staff', {date} %(month)s, opened_at, '', credit_minor
      FROM carrier_subscriptions_subscription
    UNION ALL
    SELECT id, 2, 'opened', 'staff', {date} %(month)s, opened_at, '', 0
      FROM carrier_subscriptions_subscription
    """,
    """
    INSERT INTO carrier_ledger_entry
           (subscription_id, number, leg, debited, credited, amount_minor, origin, booked_on)
    SELECT id, 1, 1, 'promotion', 'credit', credit_minor, 'staff', {date} %(month)s
      FROM carrier_subscriptions_subscription
    """,
)


def quiet_lines(many: int, first: date) -> None:
    """So many lines without plans on PostgreSQL; from `first` on, each day one in 365 is due its notice."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO carrier_subscriptions_subscription
                   (id, operator, msisdn, status, phase, credit_minor, debt_minor, last_number, currency, extended_on,
                    full_service_until, receive_only_until, number_kept_until, look_on, opened_at)
            SELECT n, {_OPERATOR}, '+39' || (3300000000 + n), 'active', 'full_service', 0, 0, 0, 'EUR',
                   day - 331, day + 34, day + 65, day + 395, day, '2026-01-01 10:00:00'
              FROM (SELECT n, %(first)s::date + (n %% 365)::int AS day FROM generate_series(1, %(many)s) AS g(n)) x
            """,  # noqa: S608 - names of ours
            {"first": first, "many": many},
        )
        cursor.execute("VACUUM (ANALYZE, FREEZE)")
        cursor.execute("CHECKPOINT")
