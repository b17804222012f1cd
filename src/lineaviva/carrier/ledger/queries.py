"""Reads of the ledger, and the proof that it is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_LINES = "SELECT id FROM carrier_subscriptions_subscription WHERE operator = %s"
# Each entry as its two halves: a debit above zero, a credit below it.
_BALANCES = f"""
    SELECT account, SUM(amount) FROM (
        SELECT debited AS account, amount_minor AS amount FROM carrier_ledger_entry WHERE subscription_id IN ({_LINES})
        UNION ALL
        SELECT credited, -amount_minor FROM carrier_ledger_entry WHERE subscription_id IN ({_LINES})
    ) leg GROUP BY account ORDER BY account
"""  # noqa: S608 - put together from constants above
# What a line keeps beside its entries, and what its entries say; only lines where they differ.
_KEPT = """
    SELECT s.id, s.credit_minor, COALESCE(e.credit, 0), s.debt_minor, COALESCE(e.debt, 0)
      FROM carrier_subscriptions_subscription s
      LEFT JOIN (SELECT subscription_id,
                        SUM(CASE WHEN credited = 'credit' THEN amount_minor
                                 WHEN debited = 'credit' THEN -amount_minor ELSE 0 END) AS credit,
                        SUM(CASE WHEN debited = 'courtesy' THEN amount_minor
                                 WHEN credited = 'courtesy' THEN -amount_minor ELSE 0 END) AS debt
                   FROM carrier_ledger_entry GROUP BY subscription_id) e ON e.subscription_id = s.id
     WHERE s.operator = %s
       AND (s.credit_minor <> COALESCE(e.credit, 0) OR s.debt_minor <> COALESCE(e.debt, 0))
"""
# Events are numbered 1, 2, 3: none can be missing or added without the count being off.
_NUMBERING = """
    SELECT s.id, s.last_number, COALESCE(e.many, 0), COALESCE(e.highest, 0)
      FROM carrier_subscriptions_subscription s
      LEFT JOIN (SELECT subscription_id, COUNT(*) AS many, MIN(number) AS lowest, MAX(number) AS highest
                   FROM carrier_ledger_event GROUP BY subscription_id) e ON e.subscription_id = s.id
     WHERE s.operator = %s
       AND (s.last_number <> COALESCE(e.many, 0) OR s.last_number <> COALESCE(e.highest, 0) OR e.lowest <> 1)
"""
# An event's amount is what its entries move.
_AMOUNTS = f"""
    SELECT v.subscription_id, v.number, v.kind, v.amount_minor, COALESCE(SUM(e.amount_minor), 0)
      FROM carrier_ledger_event v
      LEFT JOIN carrier_ledger_entry e ON e.subscription_id = v.subscription_id AND e.number = v.number
     WHERE v.subscription_id IN ({_LINES})
     GROUP BY v.subscription_id, v.number, v.kind, v.amount_minor
    HAVING v.amount_minor <> COALESCE(SUM(e.amount_minor), 0)
"""  # noqa: S608 - names and texts of ours
_HEADLESS = """
    SELECT e.subscription_id, e.number FROM carrier_ledger_entry e
     WHERE NOT EXISTS (SELECT 1 FROM carrier_ledger_event v
                        WHERE v.subscription_id = e.subscription_id AND v.number = e.number)
"""
_LINELESS = """
    SELECT DISTINCT v.subscription_id FROM carrier_ledger_event v
     WHERE NOT EXISTS (SELECT 1 FROM carrier_subscriptions_subscription s WHERE s.id = v.subscription_id)
    UNION
    SELECT DISTINCT p.subscription_id FROM carrier_subscriptions_plan p
     WHERE NOT EXISTS (SELECT 1 FROM carrier_subscriptions_subscription s WHERE s.id = p.subscription_id)
"""
_NUMBERS = """
    SELECT n.subscription_id FROM carrier_subscriptions_number n
      LEFT JOIN carrier_subscriptions_subscription s
        ON s.id = n.subscription_id AND s.msisdn = n.msisdn AND s.operator = n.operator
     WHERE n.operator = %s AND n.subscription_id IS NOT NULL AND s.id IS NULL
"""

_NUMBERLESS = """
    SELECT s.id FROM carrier_subscriptions_subscription s
     WHERE s.operator = %s AND s.status <> 'closed'
       AND NOT EXISTS (SELECT 1 FROM carrier_subscriptions_number n
                        WHERE n.operator = s.operator AND n.msisdn = s.msisdn AND n.subscription_id = s.id)
"""


@dataclass(frozen=True)
class LedgerAudit:
    """`accounts`: each account's cents, debits above zero; they add up to zero. `problems`: one sentence each."""

    accounts: dict[str, int]
    problems: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        return not self.problems


def ledger_audit(operator: str) -> LedgerAudit:
    """Add up every entry of the operator's lines and compare it with what is kept beside it."""
    accounts = {account: int(amount) for account, amount in _rows(_BALANCES, operator, operator)}
    problems = [
        *(
            f"subscription {pk}: credit is {credit} and debt {debt} cents, its entries add up to {summed} and {owed}"
            for pk, credit, summed, debt, owed in _rows(_KEPT, operator)
        ),
        *(
            f"subscription {pk}: its events should be 1 to {last}, there are {many} up to {highest}"
            for pk, last, many, highest in _rows(_NUMBERING, operator)
        ),
        *(
            f"event {number} of subscription {pk} ({kind}) says {said} cents, its entries move {moved}"
            for pk, number, kind, said, moved in _rows(_AMOUNTS, operator)
        ),
        *(f"entry {number} of subscription {pk} belongs to no event" for pk, number in _rows(_HEADLESS)),
        *(f"events or plans of subscription {pk}, which there is not" for (pk,) in _rows(_LINELESS)),
        *(f"a number of {operator} names subscription {pk}, which has another" for (pk,) in _rows(_NUMBERS, operator)),
        *(f"subscription {pk} is open, and no number is its own" for (pk,) in _rows(_NUMBERLESS, operator)),
    ]
    if sum(accounts.values()):
        problems.append(f"all accounts together are {sum(accounts.values())} cents off")
    return LedgerAudit(accounts, problems)


def _rows(sql: str, *params: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
