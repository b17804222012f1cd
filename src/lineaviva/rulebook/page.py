"""docs/operators.md, made from the rulebook: what is known of each operator, and where it was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from lineaviva.rulebook.book import Rulebook
from lineaviva.rulebook.facts import (
    CAUTIOUS,
    Contact,
    Denomination,
    Fact,
    Facts,
    LateRenewal,
    Offer,
    Period,
    Price,
    Recovery,
    Redownload,
    RenewalPolicy,
    Risk,
    SmallestTopup,
    Term,
    Text,
    Verdict,
)
from lineaviva.rulebook.model import EVENT_KINDS, Legal, Operator

HEAD = """\
# Operators

<!-- Made by `lineaviva rulebook docs` from src/lineaviva/rulebook. Do not edit here: correct the TOML file. -->

What the rulebook knows of {count} Italian prepaid operators, and where each fact was read. The facts were collected on
{collected} from copies of public pages, not from the live pages. **unknown** means that nothing was found; nothing is
guessed.

## How dates are counted

Each of the three dates is the last day of a phase. It is counted in calendar months from the event that last extended
the line (civil code art. 2963: the same day of the month, or the month's last day), never from another computed date.
Where sources disagree all candidates are kept: the earliest warns, the others are shown. A candidate in ~~strokes~~ is
set aside, with its reason, and does not warn.

## How far a source is trusted

| Confidence | Which pages |
|---|---|
| high | official (the operator, an authority), dated within five years of the collection |
| medium | official and undated; press dated within five years |
| low | blogs and forums; undated press; everything older |

Pages that reprint a law or a judgment count as press; pages of dealers, law firms and software houses as blogs; an
operator's user community as a forum. A source can be set lower by hand, never higher.

## When the credit is not enough

A rule of renewal that says enough to be carried out has a policy, which the operator's night follows; one of them is
the default. A charge of 0.00 is a day that an earlier charge has paid. What no source says is taken as it takes least
from the holder, and marked. Where nothing at all is known, the policy is `cautious`:
{cautious}.

## How to correct the book

One operator is one file: `src/lineaviva/rulebook/operators/<operator>.toml`. Change the fact, name its source at the
end of the file, then run `lineaviva rulebook check`, which names file and line of a mistake, and
`lineaviva rulebook docs`, which makes this page. Keep a candidate that disagrees; replace "unknown" by what you read,
not by what is likely.
"""

PHASES = ("full_service", "receive_only", "number_kept")
LABELS = {
    "topup": "a top-up",
    "activation": "activation",
    "plan": "buying a plan or option",
    "use": "use",
    "sim_change": "a change of SIM",
}


def page(book: Rulebook) -> str:
    """The whole page, as Markdown."""
    operators = list(book.operators.values())
    collected = max(operator.collected_on for operator in operators)
    parts = [
        HEAD.format(count=len(operators), collected=collected, cautious=policy_in_words(CAUTIOUS)),
        *_glance(operators),
    ]
    for operator in operators:
        parts += _operator(operator)
    parts += _law(book.legal)
    return "\n".join(parts).rstrip("\n") + "\n"


def _glance(operators: Sequence[Operator]) -> list[str]:
    rows = [
        [
            f"[{operator.name}](#{operator.slug})",
            *(candidates(getattr(operator.validity, phase)) or "unknown" for phase in PHASES),
            str(operator.smallest_extending_topup or "unknown"),
        ]
        for operator in operators
    ]
    return [
        "## At a glance",
        "",
        "Months from the event; a slash stands between candidates.",
        "",
        *_table(["Operator", "Full service", "Still receives until", "Number kept until", "Smallest top-up"], rows),
    ]


def candidates(periods: Facts[Period]) -> str:
    """The lengths that are not set aside, each once; empty where nothing is known."""
    return " / ".join(dict.fromkeys(length(one) for one in periods if not one.set_aside))


def length(period: Period) -> str:
    """12, 12 + 30 days, none, or no limit stated."""
    if period.no_such_phase:
        return "none"
    if period.no_limit_stated:
        return "no limit stated"
    return f"{period.months}" + (f" + {period.days} days" if period.days else "")


def facts_table(operator: Operator) -> list[list[str]]:
    """Label, fact and sources (by id) of everything that is known of an operator, and of what is not."""
    names = {source_id: source_id for source_id in operator.sources}
    return [row for label, found in _rows(operator) for row in _facts(label, found, names)]


def _operator(operator: Operator) -> list[str]:
    numbers = {source_id: str(number) for number, source_id in enumerate(operator.sources, 1)}
    facts = [row for label, found in _rows(operator) for row in _facts(label, found, numbers)]
    sources = [
        f"{number}. <{source.url}> ({source.date}, {source.kind}, {source.confidence}"
        + (f": {source.note}" if source.note else "")
        + ")"
        for number, source in enumerate(operator.sources.values(), 1)
    ]
    return [
        f'<a id="{operator.slug}"></a>',
        "",
        f"## {operator.name}",
        "",
        *_table(["Field", "Fact", "Sources"], facts),
        *(["Sources:", "", *sources, ""] if sources else []),
    ]


def _rows(operator: Operator) -> list[tuple[str, Facts[Any] | Verdict]]:
    validity, channels, esim = operator.validity, operator.channels, operator.esim
    return [
        ("Network", operator.network),
        ("Full service", validity.full_service),
        ("Still receives", validity.receive_only),
        ("Number kept", validity.number_kept),
        *((f"Extended by {LABELS[kind]}", validity.extends[kind]) for kind in EVENT_KINDS),
        ("Smallest top-up that extends", validity.smallest_topup),
        ("Getting the number back", validity.recovery),
        ("Notice", validity.notice),
        ("Top-up amounts", _amounts(operator.topup.denominations)),
        ("Top-up limits", operator.topup.limits),
        ("Top-up fee", operator.topup.fee),
        ("Offers", operator.plans.offers),
        ("Activation cost", operator.plans.activation_cost),
        ("EU roaming", operator.plans.eu_roaming),
        ("Renewal without credit", operator.renewal.late),
        ("Suspended offer", operator.renewal.suspended),
        ("Hour of renewal", operator.renewal.hour),
        ("App", channels.app),
        ("Site", channels.site),
        ("Codes", channels.short_codes),
        ("Care in Italy", channels.care_italy),
        ("Care from abroad", channels.care_abroad),
        ("Shops", channels.store_locator),
        ("Where to top up", channels.topup),
        ("Ways to pay", channels.payment),
        ("Foreign cards", channels.foreign_cards),
        ("Automatic top-up", channels.automatic),
        ("eSIM", esim.offered),
        ("eSIM price", esim.price),
        ("eSIM downloaded again", esim.redownload),
        ("From SIM to eSIM", esim.from_sim),
        ("Credit left over", operator.residual_credit),
        ("Risk", operator.warnings),
        ("Words", operator.words),
    ]


def _facts(label: str, found: Facts[Any] | Verdict, names: dict[str, str]) -> list[list[str]]:
    facts = [found] if isinstance(found, Verdict) else list(found)
    if not facts:
        why = found.why_unknown if isinstance(found, Facts) else ""
        return [[label, f"unknown ({why})" if why else "unknown", ""]]
    return [
        [label if index == 0 else "", _noted(fact), ", ".join(names[source.id] for source in fact.sources)]
        for index, fact in enumerate(facts)
    ]


def _noted(fact: Fact) -> str:
    return say(fact) + (f" *({fact.note})*" if fact.note else "")


def say(fact: Fact) -> str:
    """A fact in a few words of English."""
    return _SAY.get(type(fact), _plain)(fact)


def _plain(fact: Any) -> str:
    return str(fact.text)


def _recovery(fact: Recovery) -> str:
    if fact.months is None:
        return f"{fact.way}: {fact.text}"
    days = f" and {fact.days} days" if fact.days else ""
    return f"{fact.way}: {fact.text} (until {fact.months} months{days})"


def _redownload(fact: Redownload) -> str:
    if fact.times is None:
        return fact.text
    return f"{fact.text} (times: {'without limit' if fact.unlimited else fact.times})"


def _smallest(fact: SmallestTopup) -> str:
    if fact.amount is None:
        return "any amount"
    return f"any amount ({fact.amount} when it was written)" if fact.any_amount else str(fact.amount)


def _late(fact: LateRenewal) -> str:
    said = f"{fact.name}: {fact.text}; then: {fact.then}"
    if fact.policy is None:
        return said
    default = ", the default" if fact.is_default else ""
    return f"{said}. Policy `{fact.policy.id}`{default}: {policy_in_words(fact.policy)}"


def policy_in_words(policy: RenewalPolicy) -> str:
    """What the night does, in the order in which it does it."""
    tried = " and ".join(str(days) for days in policy.attempts_before_days)
    after = {
        "block": "only incoming and emergency calls until a top-up",
        "sleep": "the offer sleeps",
    }[policy.after_courtesy]
    does = {
        "sleep": "the offer sleeps",
        "courtesy": f"it runs on at {', '.join(map(_euros, policy.courtesy_minor))} EUR a day, then {after}",
        "negative_once": f"the fee is taken once all the same, so that the credit goes below zero; then {after}",
    }[policy.on_short_credit]
    restart = {"day_of_topup": "the day of the top-up is its new date", "old_date": "it keeps its old date"}
    removed = "not known" if policy.removed_after_days is None else f"after {policy.removed_after_days} days"
    return (
        (f"the fee is tried {tried} days before; " if tried else "")
        + f"{does}; {restart[policy.restart]}"
        + (" (not known, taken so)" if "restart" in policy.assumed else "")
        + f"; removed: {removed}"
    )


def _price(fact: Price) -> str:
    return f"{fact.amount}" + (f" ({fact.text})" if fact.text else "")


def _contact(fact: Contact) -> str:
    return f"`{fact.reach}`" + (f" {fact.text}" if fact.text else "")


def _risk(fact: Risk) -> str:
    return f"{fact.text}. Do: {fact.act}"


def _term(fact: Term) -> str:
    return f"*{fact.italian}*: {fact.meaning}"


def _verdict(fact: Verdict) -> str:
    return fact.answer


def _period(fact: Period) -> str:
    said = length(fact) + ("" if fact.months is None else " months" if not fact.days else "")
    said += f": {fact.text}" if fact.text else ""
    return f"~~{said}~~ set aside: {fact.set_aside}" if fact.set_aside else said


def _amounts(denominations: Facts[Denomination]) -> Facts[Text]:
    """The amounts of one channel and name in one line."""
    groups = groupby(denominations, key=lambda one: (one.channel, one.name, one.sources, one.note))
    return Facts(
        (
            Text(
                text=f"{channel}{f' ({name})' if name else ''}: {', '.join(map(_amount, found))} EUR",
                sources=sources,
                note=note,
            )
            for (channel, name, sources, note), found in groups
        ),
        denominations.why_unknown,
    )


def _amount(one: Denomination) -> str:
    if one.up_to_minor:
        return f"{_euros(one.minor)} to {_euros(one.up_to_minor)} in steps of {_euros(one.step_minor or 0)}"
    if one.credit_minor != one.minor:
        return f"{_euros(one.minor)} (credit {_euros(one.credit_minor)})"
    return _euros(one.minor)


def _euros(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _offer(fact: Offer) -> str:
    every = f" for {fact.period_months} month" if fact.period_months else ""
    use = "; ".join(f"{what}: {cost}" for what, cost in fact.per_use.items())
    contents = [
        f"{name} {'without limit' if amount == -1 else amount}"
        for name, amount in (("MB", fact.data_mb), ("minutes", fact.minutes), ("SMS", fact.sms))
        if amount
    ]
    return (
        f"**{fact.name}** ({fact.kind.replace('_', ' ')}): price {fact.price or 'unknown'}{every}"
        + (f"; {', '.join(contents)}" if contents else "")
        + (f"; {use}" if use else "")
        + (f"; takes {fact.monthly_drain} a month" if fact.monthly_drain else "")
        + (f"; without credit: policy `{fact.renewal_policy}`" if fact.renewal_policy else "")
    )


_SAY: dict[type[Fact], Callable[[Any], str]] = {
    Contact: _contact,
    LateRenewal: _late,
    Offer: _offer,
    Period: _period,
    Price: _price,
    Recovery: _recovery,
    Redownload: _redownload,
    Risk: _risk,
    SmallestTopup: _smallest,
    Term: _term,
    Verdict: _verdict,
}


def _law(legal: Legal) -> list[str]:
    rows = [
        [
            rule.topic,
            _noted(rule),
            "; ".join(f"<{source.url}> ({source.date}, {source.kind}, {source.confidence})" for source in rule.sources),
        ]
        for rule in legal.rules
    ]
    return ["## The law behind them", "", *_table(["Topic", "Rule", "Sources"], rows)]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        _row(columns),
        "|" + "---|" * len(columns),
        *(_row(cells) for cells in rows),
        "",
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
