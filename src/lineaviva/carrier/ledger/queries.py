"""Reads of the ledger, and the proof that it is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

# Each entry as its two halves: a debit above zero, a credit below it.
_LEGS = """
    SELECT e.transaction_id, e.subscription_id, e.debited AS account, e.amount_minor AS amount
      FROM carrier_ledger_entry e
    UNION ALL
    SELECT e.transaction_id, e.subscription_id, e.credited, -e.amount_minor
      FROM carrier_ledger_entry e
"""
_LINES = "SELECT id FROM carrier_subscriptions_subscription WHERE operator = %s"

_BALANCES = f"""
    SELECT account, SUM(amount) FROM ({_LEGS}) leg
     WHERE subscription_id IN ({_LINES}) GROUP BY account ORDER BY account
"""  # noqa: S608 - put together from constants above
_UNEQUAL = f"""
    SELECT transaction_id, SUM(amount) FROM ({_LEGS}) leg
     WHERE subscription_id IN ({_LINES}) GROUP BY transaction_id HAVING SUM(amount) <> 0
"""  # noqa: S608
_EMPTY = """
    SELECT t.id, t.kind FROM carrier_ledger_transaction t
      JOIN carrier_subscriptions_subscription s ON s.id = t.subscription_id
     WHERE s.operator = %s
       AND NOT EXISTS (SELECT 1 FROM carrier_ledger_entry e WHERE e.transaction_id = t.id)
"""
_ASTRAY = """
    SELECT e.id, t.id FROM carrier_ledger_entry e
      JOIN carrier_ledger_transaction t ON t.id = e.transaction_id
      JOIN carrier_subscriptions_subscription s ON s.id = e.subscription_id
     WHERE s.operator = %s AND t.subscription_id <> e.subscription_id
"""
_CREDIT = """
    SELECT s.id, s.credit_minor, COALESCE(e.credit, 0) FROM carrier_subscriptions_subscription s
      LEFT JOIN (SELECT subscription_id,
                        SUM(CASE WHEN credited = 'credit' THEN amount_minor ELSE 0 END)
                      - SUM(CASE WHEN debited = 'credit' THEN amount_minor ELSE 0 END) AS credit
                   FROM carrier_ledger_entry GROUP BY subscription_id) e ON e.subscription_id = s.id
     WHERE s.operator = %s AND s.credit_minor <> COALESCE(e.credit, 0)
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
    accounts = {account: int(amount) for account, amount in _rows(_BALANCES, operator)}
    problems = [
        *(f"transaction {pk}: debits and credits differ by {off} cents" for pk, off in _rows(_UNEQUAL, operator)),
        *(f"transaction {pk} ({kind}) has no entry" for pk, kind in _rows(_EMPTY, operator)),
        *(f"entry {entry} names another line than its transaction {pk}" for entry, pk in _rows(_ASTRAY, operator)),
        *(
            f"subscription {pk}: credit is {kept} cents, its entries add up to {summed}"
            for pk, kept, summed in _rows(_CREDIT, operator)
        ),
    ]
    if sum(accounts.values()):
        problems.append(f"all accounts together are {sum(accounts.values())} cents off")
    return LedgerAudit(accounts, problems)


def _rows(sql: str, operator: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [operator])
        return list(cursor.fetchall())
