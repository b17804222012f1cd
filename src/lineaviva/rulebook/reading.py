"""From a checked TOML document to an Operator. Assumes the schema: checking.py runs first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from lineaviva.kernel.money import Money
from lineaviva.rulebook.facts import (
    CAUTIOUS,
    Contact,
    Denomination,
    Facts,
    LateRenewal,
    LegalRule,
    Offer,
    Period,
    Price,
    Recovery,
    Redownload,
    RenewalHour,
    RenewalPolicy,
    Risk,
    SmallestTopup,
    Source,
    SuspendedOffer,
    Term,
    Text,
    Verdict,
)
from lineaviva.rulebook.model import (
    EVENT_KINDS,
    Channels,
    Esim,
    Legal,
    Operator,
    Plans,
    Renewal,
    Topup,
    Validity,
)

UNKNOWN = "unknown"
T = TypeVar("T")
Table = Mapping[str, Any]


class Reader:
    """Reads the sections of one document; knows its sources."""

    def __init__(self, document: Table) -> None:
        self.document = document
        self.sources = {
            source_id: Source(
                id=source_id,
                url=row["url"],
                date=row["date"],
                kind=row["kind"],
                confidence=row["confidence"],
                note=row.get("note", ""),
            )
            for source_id, row in document["sources"].items()
        }

    def facts(self, section: Table, key: str, build: Callable[[Table, dict[str, Any]], T]) -> Facts[T]:
        value = section[key]
        if value == UNKNOWN:
            return Facts()
        if isinstance(value, dict):
            return Facts((), why_unknown=value[UNKNOWN])
        return Facts(build(row, self.ground(row)) for row in value)

    def ground(self, row: Table) -> dict[str, Any]:
        """What every fact has: where it was read, and the note on it."""
        return {
            "sources": tuple(self.sources[source] for source in row["sources"]),
            "note": row.get("note", ""),
        }


def operator_from(document: dict[str, Any], law: Legal) -> Operator:
    """`document`: an operator file that keeps the schema."""
    read = Reader(document)
    return Operator(
        slug=document["slug"],
        name=document["name"],
        names=document["names"],
        colour=document["colour"],
        collected_on=date.fromisoformat(document["collected_on"]),
        network=read.facts(document, "network", _text),
        validity=_validity(read, document["validity"]),
        topup=_topup(read, document["topup"]),
        plans=_plans(read, document["plans"]),
        renewal=_renewal(read, document["renewal"]),
        channels=_channels(read, document["channels"]),
        esim=_esim(read, document["esim"]),
        residual_credit=read.facts(document["credit"], "residual", _text),
        warnings=read.facts(document["risks"], "warnings", _risk),
        words=read.facts(document["terms"], "words", _term),
        sources=read.sources,
        law=law,
        document=document,
    )


def legal_from(document: dict[str, Any]) -> Legal:
    """`document`: legal.toml, checked."""
    read = Reader(document)
    return Legal(
        rules=tuple(
            LegalRule(
                id=row["id"],
                topic=row["topic"],
                text=row["text"],
                months=row.get("months"),
                days=row.get("days"),
                **read.ground(row),
            )
            for row in document["rules"]
        )
    )


def _validity(read: Reader, section: Table) -> Validity:
    return Validity(
        full_service=read.facts(section, "full_service", _period),
        receive_only=read.facts(section, "receive_only", _period),
        number_kept=read.facts(section, "number_kept", _period),
        recovery=read.facts(section, "recovery", _recovery),
        smallest_topup=read.facts(section, "smallest_topup", _smallest),
        notice=read.facts(section, "notice", _text),
        extends={kind: _extends(read, section["extends"][kind]) for kind in EVENT_KINDS},
    )


def _extends(read: Reader, value: str | Table) -> Verdict:
    if isinstance(value, str):
        return Verdict(answer="unknown", sources=())
    return Verdict(answer=value["answer"], **read.ground(value))


def _topup(read: Reader, section: Table) -> Topup:
    rows = read.facts(section, "denominations", lambda row, ground: (row, ground))
    return Topup(
        denominations=Facts((one for row, ground in rows for one in _denominations(row, ground)), rows.why_unknown),
        limits=read.facts(section, "limits", _text),
        fee=read.facts(section, "fee", _text),
    )


def _denominations(row: Table, ground: dict[str, Any]) -> list[Denomination]:
    common = {"channel": row["channel"], "name": row.get("name", ""), **ground}
    if "from" in row:
        first = cents(row["from"])
        return [
            Denomination(
                minor=first,
                credit_minor=first,
                up_to_minor=cents(row["to"]),
                step_minor=cents(row["step"]),
                **common,
            )
        ]
    credits = row.get("credit", row["amounts"])
    return [
        Denomination(minor=cents(amount), credit_minor=cents(credit), **common)
        for amount, credit in zip(row["amounts"], credits, strict=True)
    ]


def _plans(read: Reader, section: Table) -> Plans:
    return Plans(
        offers=read.facts(section, "offers", _offer),
        activation_cost=read.facts(section, "activation_cost", _price),
        eu_roaming=read.facts(section, "eu_roaming", _text),
    )


def _renewal(read: Reader, section: Table) -> Renewal:
    suspended = read.facts(section, "suspended", _suspended)
    hour = read.facts(section, "hour", _hour)

    def late(row: Table, ground: dict[str, Any]) -> LateRenewal:
        return _late(row, ground, _policy(row, ground, suspended, hour) if "id" in row else None)

    return Renewal(late=read.facts(section, "late", late), suspended=suspended, hour=hour)


def _suspended(row: Table, ground: dict[str, Any]) -> SuspendedOffer:
    return SuspendedOffer(text=row["text"], removed_after_days=row.get("removed_after_days"), **ground)


def _hour(row: Table, ground: dict[str, Any]) -> RenewalHour:
    return RenewalHour(text=row["text"], attempts_before_days=tuple(row.get("attempts_before_days", ())), **ground)


def _policy(
    row: Table, ground: dict[str, Any], suspended: Facts[SuspendedOffer], hour: Facts[RenewalHour]
) -> RenewalPolicy:
    """Where sources disagree on the removal of an offer, the later day counts: what is removed is gone for good."""
    removals = [one for one in suspended if one.removed_after_days is not None]
    tries = [one for one in hour if one.attempts_before_days]
    found = [*ground["sources"], *(source for one in [*removals, *tries] for source in one.sources)]
    restart_known = row["restart"] != UNKNOWN
    return RenewalPolicy(
        id=row["id"],
        name=row["name"],
        on_short_credit=row["on_short_credit"],
        courtesy_minor=tuple(cents(charge) for charge in row.get("courtesy", ())),
        after_courtesy=row.get("after_courtesy", "sleep"),
        attempts_before_days=tries[0].attempts_before_days if tries else (),
        restart=row["restart"] if restart_known else CAUTIOUS.restart,
        removed_after_days=max((one.removed_after_days or 0 for one in removals), default=None),
        sources=tuple({source.id: source for source in found}.values()),
        assumed=() if restart_known else ("restart",),
    )


def _channels(read: Reader, section: Table) -> Channels:
    return Channels(
        app=read.facts(section, "app", _contact),
        site=read.facts(section, "site", _contact),
        short_codes=read.facts(section, "short_codes", _contact),
        care_italy=read.facts(section, "care_italy", _contact),
        care_abroad=read.facts(section, "care_abroad", _contact),
        store_locator=read.facts(section, "store_locator", _contact),
        topup=read.facts(section, "topup", _text),
        payment=read.facts(section, "payment", _text),
        foreign_cards=read.facts(section, "foreign_cards", _text),
        automatic=read.facts(section, "automatic", _text),
    )


def _esim(read: Reader, section: Table) -> Esim:
    return Esim(
        offered=read.facts(section, "offered", lambda row, ground: Verdict(answer=row["answer"], **ground)),
        price=read.facts(section, "price", _price),
        redownload=read.facts(section, "redownload", _redownload),
        from_sim=read.facts(section, "from_sim", _text),
    )


def _redownload(row: Table, ground: dict[str, Any]) -> Redownload:
    return Redownload(text=row["text"], times=_count(row.get("times", UNKNOWN)), **ground)


def _text(row: Table, ground: dict[str, Any]) -> Text:
    return Text(text=row["text"], **ground)


def _contact(row: Table, ground: dict[str, Any]) -> Contact:
    return Contact(reach=row["reach"], text=row.get("text", ""), **ground)


def _period(row: Table, ground: dict[str, Any]) -> Period:
    return Period(
        months=row.get("months"),
        days=row.get("days", 0),
        no_such_phase=row.get("no_such_phase", False),
        no_limit_stated=row.get("no_limit_stated", False),
        text=row.get("text", ""),
        set_aside=row.get("set_aside", ""),
        **ground,
    )


def _recovery(row: Table, ground: dict[str, Any]) -> Recovery:
    return Recovery(way=row["way"], text=row["text"], months=row.get("months"), days=row.get("days", 0), **ground)


def _smallest(row: Table, ground: dict[str, Any]) -> SmallestTopup:
    return SmallestTopup(any_amount=row["any_amount"], amount=_money(row.get("amount")), **ground)


def _price(row: Table, ground: dict[str, Any]) -> Price:
    return Price(amount=Money(cents(row["amount"]), "EUR"), text=row.get("text", ""), **ground)


def _offer(row: Table, ground: dict[str, Any]) -> Offer:
    return Offer(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        price=_money(row["price"]),
        period_months=_count(row["period_months"]),
        monthly_drain=_money(row["monthly_drain"]),
        data_mb=_count(row["data_mb"]),
        minutes=_count(row["minutes"]),
        sms=_count(row["sms"]),
        eu_roaming_mb=_count(row["eu_roaming_mb"]),
        calls_to_china="" if row["calls_to_china"] == UNKNOWN else row["calls_to_china"],
        per_use=dict(row.get("per_use", {})),
        activation_cost=_money(row["activation_cost"]),
        on_sale=row["on_sale"],
        extends={"yes": True, "no": False}.get(row["extends"]),
        renewal_policy=row.get("renewal_policy", ""),
        **ground,
    )


def _late(row: Table, ground: dict[str, Any], policy: RenewalPolicy | None) -> LateRenewal:
    """Charge and number of days stand in the file once: in the policy, if the entry is one."""
    charge, days = (_money(row["charge"]), _count(row["days"])) if policy is None else _charged(policy)
    return LateRenewal(
        name=row["name"],
        text=row["text"],
        charge=charge,
        charge_text=row.get("charge_text", ""),
        days=days,
        then=row["then"],
        policy=policy,
        is_default=row.get("default", False),
        **ground,
    )


def _charged(policy: RenewalPolicy) -> tuple[Money | None, int | None]:
    """The first day's charge and the days it runs on. Neither is fixed where the missing part of a fee is taken."""
    if policy.on_short_credit == "negative_once":
        return None, None
    return Money(next(iter(policy.courtesy_minor), 0), "EUR"), len(policy.courtesy_minor)


def _risk(row: Table, ground: dict[str, Any]) -> Risk:
    return Risk(
        id=row["id"],
        kind=row["kind"],
        text=row["text"],
        act=row["act"],
        on=date.fromisoformat(row["on"]) if "on" in row else None,
        **ground,
    )


def _term(row: Table, ground: dict[str, Any]) -> Term:
    return Term(italian=row["italian"], meaning=row["meaning"], **ground)


def cents(euros: str) -> int:
    """ "3.99" -> 399. The schema has seen to it that there are two decimals."""
    whole, _, part = euros.partition(".")
    return int(whole) * 100 + int(part)


def _money(value: str | None) -> Money | None:
    return None if value is None or value == UNKNOWN else Money(cents(value), "EUR")


def _count(value: int | str) -> int | None:
    """Whole number; "unlimited" is -1; "unknown" and "none" (no fixed period) are None."""
    if isinstance(value, int):
        return value
    return -1 if value == "unlimited" else None
