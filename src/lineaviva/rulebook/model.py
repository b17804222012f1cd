"""An operator as the rulebook knows it, and the law that holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from lineaviva.kernel.errors import InvalidInput, NotFound
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

EVENT_KINDS = ("topup", "activation", "plan", "use", "sim_change")


@dataclass(frozen=True)
class Legal:
    """Rules of law and of the numbering plan that stand behind every operator's own."""

    rules: tuple[LegalRule, ...]

    def rule(self, rule_id: str) -> LegalRule:
        """The rule of that id; KeyError where there is none (ids are ours, not input)."""
        return {rule.id: rule for rule in self.rules}[rule_id]

    def period(self, rule_id: str) -> Period:
        """A rule that names months, in the form in which operators' own rules are counted."""
        rule = self.rule(rule_id)
        return Period(months=rule.months, sources=rule.sources, note=rule.note, text=rule.text)

    @cached_property
    def suspension_notice_days(self) -> int:
        """Whole days between the notice and the suspension of a line, at least (rule "notice")."""
        return self._days("notice")

    @cached_property
    def loss_notice_days(self) -> int:
        """Whole days between the notice and the day a number is taken back, at least (rule "notice")."""
        return self._days("notice")

    @cached_property
    def change_notice_days(self) -> int:
        """Whole days between the notice and a change of price or terms, at least (rule "price-changes")."""
        return self._days("price-changes")

    def _days(self, rule_id: str) -> int:
        days = self.rule(rule_id).days
        if days is None:
            raise ValueError(f"the legal rule {rule_id!r} names no days")
        return days


@dataclass(frozen=True)
class Validity:
    """Every period is counted from the last event that extends the line."""

    full_service: Facts[Period]
    receive_only: Facts[Period]
    number_kept: Facts[Period]
    recovery: Facts[Recovery]
    smallest_topup: Facts[SmallestTopup]
    notice: Facts[Text]
    extends: Mapping[str, Verdict]


@dataclass(frozen=True)
class Topup:
    denominations: Facts[Denomination]
    limits: Facts[Text]
    fee: Facts[Text]


@dataclass(frozen=True)
class Channels:
    app: Facts[Contact]
    site: Facts[Contact]
    short_codes: Facts[Contact]
    care_italy: Facts[Contact]
    care_abroad: Facts[Contact]
    store_locator: Facts[Contact]
    topup: Facts[Text]
    payment: Facts[Text]
    foreign_cards: Facts[Text]
    automatic: Facts[Text]


@dataclass(frozen=True)
class Plans:
    offers: Facts[Offer]
    activation_cost: Facts[Price]
    eu_roaming: Facts[Text]


@dataclass(frozen=True)
class Renewal:
    late: Facts[LateRenewal]
    suspended: Facts[SuspendedOffer]
    hour: Facts[RenewalHour]


@dataclass(frozen=True)
class Esim:
    offered: Facts[Verdict]
    price: Facts[Price]
    redownload: Facts[Redownload]
    from_sim: Facts[Text]


@dataclass(frozen=True)
class Care:
    """Whom a holder can ask, for pages. Empty where it is not known."""

    italy: tuple[Contact, ...]
    abroad: tuple[Contact, ...]
    app: tuple[Contact, ...]
    site: tuple[Contact, ...]


@dataclass(frozen=True)
class Operator:
    """One operator file. `document` is the file as it was read, for those who show all of it."""

    slug: str
    name: str
    names: Mapping[str, str]
    colour: str
    collected_on: date
    network: Facts[Text]
    validity: Validity
    topup: Topup
    plans: Plans
    renewal: Renewal
    channels: Channels
    esim: Esim
    residual_credit: Facts[Text]
    warnings: Facts[Risk]
    words: Facts[Term]
    sources: Mapping[str, Source]
    law: Legal
    document: Mapping[str, Any] = field(repr=False, compare=False)

    def display_name(self, language: str = "en") -> str:
        """The name for readers of `language` (zh-hans, zh-hant, it, en); the brand itself where there is no other."""
        return self.names.get(language.lower(), self.name)

    def extends(self, kind: str) -> bool | None:
        """Whether an event of `kind` (EVENT_KINDS) moves the dates; None where it is not known, and then it must not
        be counted. InvalidInput on another kind.
        """
        if kind not in self.validity.extends:
            raise InvalidInput(
                f"event kind {kind!r} is not one of {', '.join(EVENT_KINDS)}",
                field="kind",
                code="event_kind_unknown",
            )
        return self.validity.extends[kind].value

    @property
    def denominations(self) -> list[Denomination]:
        return list(self.topup.denominations)

    @property
    def offers(self) -> list[Offer]:
        return list(self.plans.offers)

    @property
    def late_renewal(self) -> list[LateRenewal]:
        return list(self.renewal.late)

    @property
    def renewal_policies(self) -> list[RenewalPolicy]:
        """What the night can do without credit, in the order of the file; empty where nothing is known."""
        return [late.policy for late in self.renewal.late if late.policy]

    def renewal_policy(self, policy_id: str = "") -> RenewalPolicy:
        """The policy of that id; without one, the operator's default, and CAUTIOUS where the operator has none.

        NotFound (policy_unknown) on another id.
        """
        found = self._policies.get(policy_id)
        if found is None:
            known = ", ".join(policy.id for policy in self.renewal_policies) or "none"
            raise NotFound(
                f"{self.name} has no renewal policy {policy_id!r}; known are {known}",
                code="policy_unknown",
                field="renewal_policy",
            )
        return found

    @cached_property
    def _policies(self) -> dict[str, RenewalPolicy]:
        """By id, and the default under the empty one: the night asks for each of millions of lines."""
        default = next((late.policy for late in self.renewal.late if late.policy and late.is_default), CAUTIOUS)
        return {"": default, CAUTIOUS.id: CAUTIOUS} | {policy.id: policy for policy in self.renewal_policies}

    @property
    def risks(self) -> list[Risk]:
        return list(self.warnings)

    @property
    def care(self) -> Care:
        channels = self.channels
        return Care(italy=channels.care_italy, abroad=channels.care_abroad, app=channels.app, site=channels.site)

    @property
    def smallest_extending_topup(self) -> Money | None:
        """The least that is known to move the dates: where any amount does, the smallest that is sold with full credit;
        otherwise the sum that the source names. None where neither is known.
        """
        least = [amount for rule in self.validity.smallest_topup if (amount := self._least(rule))]
        # Where sources disagree, the larger sum is the one that surely extends.
        return max(least, default=None)

    def _least(self, rule: SmallestTopup) -> Money | None:
        sold = [one.minor for one in self.topup.denominations if one.credit_minor == one.minor]
        if rule.any_amount and sold:
            return Money(min(sold), "EUR")
        return rule.amount
