"""The SQL of the nightly run: one text for PostgreSQL and SQLite, and how each of them is made to run it.

A sweep first decides (a SELECT over the lines of a range, joined with the terms that Python made for each case), and
then applies what was decided: the line, its plan, its event, the entries, the counts. On PostgreSQL that is one
statement: a line that somebody else wrote to since it was read is left out (`last_number` tells), and so never waited
for longer than that. On SQLite, where nobody else writes meanwhile, what was decided stands in a temporary table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Sweep:
    """`cases`: columns of the terms and their types on PostgreSQL. `keys`: what a range of rows is ordered by.

    `distinct` finds the cases among `{rows}`; `next_days` are the terms that may say when a row is due again; `only`
    are those texts of `apply` that are for one outcome, a term. `{...}` stand for tables of the part (subscription,
    plan, event, entry), `{won}` for what was decided and may be applied.
    What `decide` finds is completed by the `derived` columns, worked out once a row from its others; `kept` are those
    of all its columns that are needed later. `due` is the condition of the rows to look at; `lock` takes them first,
    where leaving out what others write to would be wrong; `put_aside` has a row that the database refuses wait until
    tomorrow.
    """

    name: str
    cases: dict[str, str]
    source: str
    keys: tuple[str, ...]
    distinct: str
    due: str
    decide: str
    win: str
    apply: tuple[str, ...]
    next_days: tuple[str, ...] = ()
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    operators: str = ""
    put_aside: str = ""
    lock: str = ""

    @property
    def columns(self) -> list[str]:
        """The keys, with the name of their table."""
        return [f"{self.source.split()[-1]}.{key}" for key in self.keys]

    def needed(self, rows: Sequence[Sequence[Any]]) -> Sweep:
        """The sweep without what none of these terms asks for: PostgreSQL plans it all the same, for each part."""
        if not self.only:
            return self
        place = list(self.cases).index("outcome")
        met = {row[place] for row in rows}
        spare = {text for outcome, texts in self.only.items() if outcome not in met for text in texts}
        return replace(self, apply=tuple(text for text in self.apply if text not in spare))


# --- plans: fees ---------------------------------------------------------------------------------------------------

_PLAN_CASES = {
    "operator": "text",
    "offering_id": "text",
    "status": "text",
    "auto_renew": "boolean",
    "anchor_day": "smallint",
    "paid_until": "date",
    "late_days": "smallint",
    "always": "text",
    "short": "text",
    "short_charge": "bigint",
    "short_due_on": "date",
    "list_minor": "bigint",
    "new_paid_until": "date",
    "new_due_on": "date",
    "new_anchor_day": "smallint",
    "data": "bigint",
    "voice": "bigint",
    "sms": "bigint",
}
# What the plan costs without a promotion, and with one that still runs on that day.
_LIST = "COALESCE(c.list_minor, p.price_minor)"
_FEE = f"CASE WHEN p.promo_until > %(day)s AND p.promo_minor < {_LIST} THEN p.promo_minor ELSE {_LIST} END"
# Of a line's plans the first that is due counts; the others are left to the next pass, which knows the credit that is
# left.
_PLAN_DECIDE = f"""
    SELECT s.id AS subscription_id, {{s_row}}, {{p_row}}, s.operator, s.last_number, p.number AS plan_number,
           p.offering_id, c.new_paid_until, c.new_due_on, c.new_anchor_day, c.short_due_on, c.short_charge,
           c.data, c.voice, c.sms, s.credit_minor, {_LIST} AS list, {_FEE} AS fee,
           CASE WHEN c.always <> '' THEN c.always
                WHEN s.status <> 'active' OR s.phase NOT IN ('full_service', 'unknown') THEN 'limited'
                WHEN s.credit_minor - s.debt_minor >= {_FEE} THEN 'renewed'
                WHEN c.short = 'negative' AND s.debt_minor > 0 THEN 'asleep'
                ELSE c.short END AS outcome
      FROM {{plan}} p {{with_line}}
      JOIN {{cases}} c
        ON c.operator = s.operator AND c.offering_id = p.offering_id AND c.status = p.status
       AND c.auto_renew = p.auto_renew AND c.anchor_day = p.anchor_day
       AND c.paid_until = p.paid_until AND c.late_days = p.late_days
     WHERE {{range}} {{in_order}}
"""  # noqa: S608 - put together from constants, as all below
# What has a fixed width and is always there comes first: PostgreSQL walks through a row up to the column it needs.
_PLAN_KEPT = (
    *("subscription_id", "last_number", "plan_number", "from_credit", "to_debt", "discount", "list", "paid"),
    *("s_row", "p_row", "operator", "outcome", "offering_id"),
    *("new_paid_until", "new_due_on", "short_due_on", "new_anchor_day", "data", "voice", "sms"),
)
_PLAN_DERIVED = {
    "paid": "outcome IN ('renewed', 'negative')",
    "from_credit": "CASE outcome WHEN 'renewed' THEN fee WHEN 'negative' THEN credit_minor ELSE 0 END",
    "to_debt": "CASE outcome WHEN 'negative' THEN fee - credit_minor WHEN 'courtesy' THEN short_charge ELSE 0 END",
    "discount": "CASE WHEN outcome IN ('renewed', 'negative') THEN list - fee ELSE 0 END",
}
_WIN = """
    UPDATE {subscription} AS s
       SET credit_minor = s.credit_minor - d.from_credit, debt_minor = s.debt_minor + d.to_debt,
           last_number = s.last_number + 1
      FROM {charges} d WHERE {same_s}
"""
_PLAN_APPLY = """
    UPDATE {plan} AS p
       SET status = CASE WHEN w.paid OR w.outcome IN ('courtesy', 'tried') THEN 'active'
                         WHEN w.outcome IN ('asleep', 'limited') THEN 'asleep'
                         WHEN w.outcome IN ('blocked', 'stuck') THEN w.outcome ELSE 'ended' END,
           paid_until = CASE WHEN w.paid THEN w.new_paid_until ELSE p.paid_until END,
           due_on = CASE WHEN w.paid THEN w.new_due_on
                         WHEN w.outcome IN ('courtesy', 'tried', 'asleep', 'blocked', 'stuck') THEN w.short_due_on END,
           anchor_day = CASE WHEN w.paid THEN w.new_anchor_day ELSE p.anchor_day END,
           late_days = CASE WHEN w.paid THEN 0
                            WHEN w.outcome = 'courtesy' THEN p.late_days + 1 ELSE p.late_days END,
           price_minor = CASE WHEN w.paid THEN w.list ELSE p.price_minor END,
           promo_minor = CASE WHEN w.paid AND w.discount = 0 THEN NULL ELSE p.promo_minor END,
           promo_until = CASE WHEN w.paid AND w.discount = 0 THEN NULL ELSE p.promo_until END,
           data_left = CASE WHEN w.paid THEN w.data ELSE p.data_left END,
           voice_left = CASE WHEN w.paid THEN w.voice ELSE p.voice_left END,
           sms_left = CASE WHEN w.paid THEN w.sms ELSE p.sms_left END
      FROM {won} w WHERE {same_p}
"""
_PLAN_EVENT = """
    INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, plan_number, offering_id, amount_minor,
                         until)
    SELECT w.subscription_id, w.last_number + 1, w.outcome, %(origin)s, {day}, {at}, w.plan_number, w.offering_id,
           w.from_credit + w.to_debt + w.discount,
           CASE WHEN w.paid THEN w.new_paid_until ELSE w.short_due_on END
      FROM {won} w
"""
_INTO_ENTRY = "INSERT INTO {entry} (subscription_id, number, leg, debited, credited, amount_minor, origin, booked_on) "
_LEGS = (("credit", "revenue", "from_credit"), ("courtesy", "revenue", "to_debt"), ("promotion", "revenue", "discount"))
_LEG = """
    SELECT w.subscription_id, w.last_number + 1, {leg}, '{debited}', '{credited}', w.{amount}, %(origin)s, {day}
      FROM {won} w WHERE w.{amount} > 0
"""
_PLAN_ENTRIES = _INTO_ENTRY + " UNION ALL ".join(
    _LEG.replace("{leg}", str(leg))
    .replace("{debited}", debited)
    .replace("{credited}", credited)
    .replace("{amount}", amount)
    for leg, (debited, credited, amount) in enumerate(_LEGS, 1)
)
_COUNT = """
    INSERT INTO carrier_nightly_count AS k
           (part, day, operator, outcome, lines, credit_minor, debt_minor, discount_minor)
    SELECT %(part)s, {day}, w.operator, w.outcome, w.lines, w.from_credit, w.to_debt, w.discount
      FROM {summed} w WHERE w.outcome <> ''
    ON CONFLICT (part, day, operator, outcome) DO UPDATE SET
           lines = k.lines + excluded.lines, credit_minor = k.credit_minor + excluded.credit_minor,
           debt_minor = k.debt_minor + excluded.debt_minor, discount_minor = k.discount_minor + excluded.discount_minor
"""

_OPERATORS = "SELECT s.operator FROM {plan} p JOIN {subscription} s ON s.id = p.subscription_id WHERE {range}"

FEES = Sweep(
    name="fees",
    cases=_PLAN_CASES,
    source="{plan} p",
    keys=("due_on", "subscription_id", "number"),
    distinct="""
        SELECT DISTINCT s.operator, p.offering_id, p.status, p.auto_renew, p.anchor_day, p.paid_until, p.late_days
          FROM ({rows}) p JOIN {subscription} s ON s.id = p.subscription_id
    """,
    next_days=("short_due_on", "new_due_on"),
    due="p.due_on <= %(day)s",
    decide=_PLAN_DECIDE,
    win=_WIN,
    apply=(_PLAN_APPLY, _PLAN_EVENT, _PLAN_ENTRIES, _COUNT),
    kept=_PLAN_KEPT,
    derived=_PLAN_DERIVED,
    operators=_OPERATORS,
    # One that sleeps goes on to: as a stuck one it might be charged.
    put_aside="""
        UPDATE {plan} AS p
           SET status = CASE WHEN p.status IN ('asleep', 'blocked') THEN p.status ELSE 'stuck' END,
               due_on = %(again_on)s
         WHERE {range}
    """,
)
# The same plan by plan, when a top-up wakes them: nothing is counted as the night's.
WAKE = Sweep(
    name="wake",
    cases=_PLAN_CASES,
    source="{plan} p",
    keys=("number",),
    distinct=FEES.distinct,
    due="p.subscription_id = %(subscription)s AND p.number = %(number)s",
    decide=f"SELECT * FROM ({_PLAN_DECIDE}) y WHERE outcome = 'renewed'",  # noqa: S608 - names and texts of ours
    win=_WIN,
    apply=(_PLAN_APPLY, _PLAN_EVENT, _PLAN_ENTRIES),
    kept=_PLAN_KEPT,
    derived=_PLAN_DERIVED,
)

# --- lines: life ---------------------------------------------------------------------------------------------------

_LIFE_DATES = (
    *("full_service_until", "receive_only_until", "number_kept_until"),
    *("suspension_noticed_on", "loss_noticed_on"),
)
_NO_DAY = "DATE '0001-01-01'"
_LIFE_KEYS = "c.operator = s.operator AND c.phase = s.phase AND " + " AND ".join(
    f"COALESCE(c.{name}, {{no_day}}) = COALESCE(s.{name}, {{no_day}})" for name in _LIFE_DATES
)
_FREED_PLANS = """
    UPDATE {plan} AS p SET status = 'ended', due_on = NULL
      FROM {won} w WHERE w.outcome = 'freed' AND p.subscription_id = +w.subscription_id
"""
_FREED_NUMBER = """
    UPDATE carrier_subscriptions_number AS n SET subscription_id = NULL
      FROM {won} w
     WHERE w.outcome = 'freed' AND n.operator = w.operator AND n.msisdn = w.msisdn
       AND n.subscription_id = +w.subscription_id
"""
_FREED_CREDIT = (
    _INTO_ENTRY
    + "SELECT w.subscription_id, w.last_number + 1, 1, 'credit', 'refund', w.from_credit, %(origin)s, {day} "
    "FROM {won} w WHERE w.from_credit > 0"
)
LIFE = Sweep(
    name="life",
    cases={
        "operator": "text",
        "phase": "text",
        **dict.fromkeys(_LIFE_DATES, "date"),
        "outcome": "text",
        "new_phase": "text",
        "new_suspension_noticed_on": "date",
        "new_loss_noticed_on": "date",
        "new_look_on": "date",
    },
    source="{subscription} s",
    keys=("look_on", "id"),
    distinct=f"""
        SELECT DISTINCT s.operator, s.phase, {", ".join(f"s.{name}" for name in _LIFE_DATES)} FROM ({{rows}}) s
    """,  # noqa: S608 - names and texts of ours
    next_days=("new_look_on",),
    due="s.look_on <= %(day)s",
    decide=f"""
        SELECT s.id AS subscription_id, s.last_number, 0 AS to_debt, 0 AS discount,
               CASE WHEN c.outcome = 'freed' THEN s.credit_minor ELSE 0 END AS from_credit, {{s_row}}, s.operator,
               c.outcome, c.new_phase, c.new_look_on, c.new_suspension_noticed_on, c.new_loss_noticed_on, s.msisdn
          FROM {{subscription}} s JOIN {{cases}} c ON {_LIFE_KEYS}
         WHERE {{range}}
    """,  # noqa: S608 - names and texts of ours
    win="""
        UPDATE {subscription} AS s
           SET phase = d.new_phase, suspension_noticed_on = d.new_suspension_noticed_on,
               loss_noticed_on = d.new_loss_noticed_on, look_on = d.new_look_on,
               credit_minor = s.credit_minor - d.from_credit,
               status = CASE WHEN d.outcome = 'freed' THEN 'closed' ELSE s.status END,
               last_number = s.last_number + CASE WHEN d.outcome = '' THEN 0 ELSE 1 END
          FROM {decided} d WHERE {same_s}
    """,
    apply=(
        _FREED_PLANS,
        _FREED_NUMBER,
        """
        INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, offering_id, amount_minor, until)
        SELECT w.subscription_id, w.last_number + 1, w.outcome, %(origin)s, {day}, {at}, '', w.from_credit,
               w.new_look_on
          FROM {won} w WHERE w.outcome <> ''
        """,
        _FREED_CREDIT,
        _COUNT,
    ),
    only={"freed": (_FREED_PLANS, _FREED_NUMBER, _FREED_CREDIT)},
    operators="SELECT s.operator FROM {subscription} s WHERE {range}",
    put_aside="UPDATE {subscription} AS s SET look_on = %(again_on)s WHERE {range}",
)

# --- plans: notice of a change --------------------------------------------------------------------------------------

NOTICE = Sweep(
    name="notice",
    cases={"operator": "text"},
    source="{plan} p",
    keys=("subscription_id", "number"),
    distinct="",
    due="p.offering_id = %(offering)s AND p.status NOT IN ('ended') AND p.auto_renew",
    decide="""
        SELECT s.id AS subscription_id, {s_row}, s.operator, s.last_number, p.number AS plan_number,
               'change_notice' AS outcome, 0 AS from_credit, 0 AS to_debt, 0 AS discount
          FROM {plan} p {with_line}
          JOIN {cases} c ON c.operator = s.operator
         WHERE {range} AND NOT EXISTS (
               SELECT 1 FROM {plan} q
                WHERE q.subscription_id = p.subscription_id AND q.number < p.number AND q.offering_id = %(offering)s
                  AND q.status NOT IN ('ended') AND q.auto_renew)
    """,
    win=_WIN,
    apply=(
        """
        INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, plan_number, offering_id, amount_minor,
                             until)
        SELECT w.subscription_id, w.last_number + 1, w.outcome, %(origin)s, {day}, {at}, w.plan_number, %(offering)s,
               0, {effective}
          FROM {won} w
        """,
        _COUNT,
    ),
    operators=_OPERATORS,
    lock="""
        SELECT s.id FROM {subscription} s WHERE s.id IN (SELECT p.subscription_id FROM {plan} p WHERE {range})
         ORDER BY s.id FOR NO KEY UPDATE
    """,
)

# Another part of `apply`, on nights on which somebody listens to what becomes of an operator's lines.
NEWS = """
    INSERT INTO carrier_hub_linenews (operator, subscription_id, number)
    SELECT w.operator, w.subscription_id, w.last_number + 1 FROM {won} w
     WHERE w.outcome <> '' AND w.operator IN (SELECT operator FROM carrier_hub_desk WHERE look_at IS NOT NULL)
"""

SUMMARY = """
    SELECT operator, outcome, COUNT(*) AS lines, SUM(from_credit) AS from_credit, SUM(to_debt) AS to_debt,
           SUM(discount) AS discount
      FROM {won} w GROUP BY operator, outcome
"""


# The rows that are due are counted first, while the pages of the table are as the last vacuum left them.
_COUNTED = """
    SELECT * FROM (SELECT (SELECT COUNT(*) FROM {source} WHERE {range}) AS due,
                          ({decisions}) AS decided,
                          (SELECT COUNT(*) FROM updated) AS updated) n
      LEFT JOIN summed ON TRUE
"""


# PostgreSQL makes a copy of each row that an update is joined with, of all its columns. OFFSET 0 keeps them these.
_CHARGES = "(SELECT subscription_id, last_number, from_credit, to_debt, s_row FROM decided OFFSET 0)"


def as_one(sweep: Sweep, *, exact: bool) -> str:
    """The sweep as one statement of PostgreSQL: later parts read what earlier ones found.

    With `exact` they read what the line's own update returns: without what somebody else wrote to meanwhile, and of two
    plans of one line the first. Otherwise they read all that was decided, in any order, which costs a tenth less; if
    not all of that was updated, nothing of it may stay. What is found begins with three counts: rows that are due in
    the range, rows that were decided on, lines that were updated.
    """
    columns = ", ".join(sweep.cases)
    arrays = ", ".join(f"%(case_{name})s::{kind}[]" for name, kind in sweep.cases.items())
    parts: Iterable[str] = (f"applied{place} AS ({text})" for place, text in enumerate(sweep.apply))
    returned = "d.*" if exact else "1"
    text = (
        f"WITH cases ({columns}) AS MATERIALIZED (SELECT * FROM unnest({arrays})), "  # noqa: S608 - names and texts of ours
        f"decided AS MATERIALIZED ({_completed(sweep)}), "
        f"updated AS ({sweep.win} RETURNING {returned}), "
        f"summed AS MATERIALIZED ({SUMMARY}), "
        f"{', '.join(parts)} {_COUNTED}"
    )
    in_order = f"ORDER BY {', '.join(sweep.columns)}" if exact else ""
    # Where all that was decided is summed up, it need not be counted once more.
    decisions = "SELECT COUNT(*) FROM decided" if exact else "SELECT COALESCE(SUM(lines), 0)::bigint FROM summed"
    text = text.replace("{won}", "updated" if exact else "decided").replace("{decisions}", decisions)
    return text.replace("{in_order}", in_order).replace("{charges}", "decided" if exact else _CHARGES)


def _completed(sweep: Sweep) -> str:
    if not sweep.derived:
        return sweep.decide
    named = {name: f"{text} AS {name}" for name, text in sweep.derived.items()}
    columns = ", ".join(named.get(name, name) for name in sweep.kept)
    # OFFSET 0 keeps the inner query whole: what it works out is not worked out again for each use of it.
    return f"SELECT {columns} FROM ({sweep.decide} OFFSET 0) d"  # noqa: S608 - names and texts of ours
