"""What the night does when the credit is not enough: each operator's own policy, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest

from lineaviva import rulebook
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.money import Money
from lineaviva.rulebook import CAUTIOUS, RenewalPolicy, checking
from lineaviva.rulebook.book import LEGAL
from lineaviva.rulebook.model import Legal, Operator
from tests.rulebook.conftest import SAMPLE, Changed, Command

TODAY = date(2026, 11, 22)
Change = Callable[..., Changed]
# on_short_credit, courtesy, after it, attempts before, restart, removed after, assumed, sources
Terms = tuple[str, tuple[int, ...], str, tuple[int, ...], str, int | None, tuple[str, ...], tuple[str, ...]]
NO_RESTART = ("restart",)


def terms(policy: RenewalPolicy) -> Terms:
    return (
        policy.on_short_credit,
        policy.courtesy_minor,
        policy.after_courtesy,
        policy.attempts_before_days,
        policy.restart,
        policy.removed_after_days,
        policy.assumed,
        tuple(source.id for source in policy.sources),
    )


@pytest.mark.parametrize(
    ("slug", "policy_id", "name", "expected"),
    [
        pytest.param(
            "tim",
            "base19",
            "TIM BASE19",
            (
                *("sleep", (), "sleep", (), "day_of_topup", 180, ()),
                ("telefonino-2021", "tecnoandroid-2021", "digital-forum"),
            ),
            id="TIM BASE19",
        ),
        pytest.param(
            "tim",
            "sempre-connesso",
            "Sempre Connesso",
            (
                *("courtesy", (90, 90), "sleep", (), "day_of_topup", 180, NO_RESTART),
                ("tecnoandroid-2020", "digital-forum"),
            ),
            id="TIM, older profiles",
        ),
        pytest.param(
            "vodafone",
            "continuity",
            "Servizio di continuità",
            (
                *("courtesy", (99, 99), "block", (), "day_of_topup", None, NO_RESTART),
                ("vodafone-contatori", "tecnoandroid-2019"),
            ),
            id="Vodafone",
        ),
        pytest.param(
            "windtre",
            "days-in-advance-2021",
            "Days in advance",
            (
                *("courtesy", (99, 199, 0, 0, 0), "block", (), "day_of_topup", None, NO_RESTART),
                ("tuttoandroid-2021",),
            ),
            id="WindTre since June 2021: 2.98 EUR for five days",
        ),
        pytest.param(
            "windtre",
            "days-in-advance",
            "Days in advance",
            (
                *("courtesy", (99, 99, 0), "block", (), "day_of_topup", None, NO_RESTART),
                ("w3store", "elementa"),
            ),
            id="WindTre before: 1.98 EUR for three days",
        ),
        pytest.param(
            "windtre",
            "former-3-italia",
            "Former 3 Italia SIMs",
            (
                *("courtesy", (99, 99), "block", (), "day_of_topup", None, NO_RESTART),
                ("tecnoandroid-2021",),
            ),
            id="WindTre, former 3 Italia",
        ),
        pytest.param(
            "iliad",
            "no-charge",
            "Without credit",
            ("sleep", (), "sleep", (2, 1), "day_of_topup", None, (), ("notizieora-2019",)),
            id="iliad tries 48 and 24 hours before",
        ),
        pytest.param(
            "ho",
            "negative-once",
            "Without credit",
            (
                *("negative_once", (), "sleep", (), "day_of_topup", None, NO_RESTART),
                ("ho-community", "ho-community-b"),
            ),
            id="ho. goes below zero once",
        ),
        pytest.param(
            "spusu",
            "no-charge",
            "Without credit",
            ("sleep", (), "sleep", (), "day_of_topup", None, (), ("mondomobileweb-2024",)),
            id="spusu",
        ),
        pytest.param(
            "kena",
            "suspended",
            "Without credit",
            (
                *("sleep", (), "sleep", (), "day_of_topup", 90, NO_RESTART),
                ("mvnonews-2020", "scubidu", "digital-forum"),
            ),
            id="Kena",
        ),
        pytest.param(
            "coopvoce",
            "waits",
            "Without credit",
            (
                *("sleep", (), "sleep", (), "day_of_topup", 37, NO_RESTART),
                ("tuttoandroid-2019", "mondomobileweb-2019"),
            ),
            id="CoopVoce",
        ),
    ],
)
def test_a_policy_of_the_book(slug: str, policy_id: str, name: str, expected: Terms) -> None:
    policy = rulebook.operator(slug).renewal_policy(policy_id)
    assert (policy.id, policy.name) == (policy_id, name)
    assert terms(policy) == expected


@pytest.mark.parametrize(
    ("slug", "ids", "default"),
    [
        ("tim", ["sempre-connesso", "base19"], "base19"),
        ("vodafone", ["continuity"], "continuity"),
        ("windtre", ["days-in-advance", "days-in-advance-2021", "former-3-italia"], "days-in-advance-2021"),
        ("iliad", ["no-charge"], "no-charge"),
        ("ho", ["negative-once"], "negative-once"),
        ("spusu", ["no-charge"], "no-charge"),
        ("kena", ["suspended"], "suspended"),
        ("coopvoce", ["waits"], "waits"),
    ],
)
def test_the_policies_of_an_operator_and_its_default(slug: str, ids: list[str], default: str) -> None:
    operator = rulebook.operator(slug)
    assert [policy.id for policy in operator.renewal_policies] == ids
    assert operator.renewal_policy().id == default
    assert operator.renewal_policy("") is operator.renewal_policy(default)


@pytest.mark.parametrize(
    "slug",
    ["1mobile", "cmlink", "digi", "fastweb", "lycamobile", "noitel", "optima", "postemobile", "tiscali", "very"],
)
def test_an_operator_of_which_nothing_is_known_takes_nothing(slug: str) -> None:
    operator = rulebook.operator(slug)
    assert operator.renewal_policies == []
    assert operator.renewal_policy() is CAUTIOUS


def test_the_cautious_policy() -> None:
    assert (CAUTIOUS.id, terms(CAUTIOUS)) == (
        "cautious",
        ("sleep", (), "sleep", (), "day_of_topup", None, ("on_short_credit", "restart"), ()),
    )


@pytest.mark.parametrize("slug", ["tim", "digi"])
def test_the_cautious_policy_is_found_by_its_own_id(slug: str) -> None:
    """What was written down for a line can be read again."""
    assert rulebook.operator(slug).renewal_policy("cautious") is CAUTIOUS


@pytest.mark.parametrize(
    ("slug", "asked", "sentence"),
    [
        ("tim", "base20", "TIM has no renewal policy 'base20'; known are sempre-connesso, base19"),
        ("tim", "continuity", "TIM has no renewal policy 'continuity'; known are sempre-connesso, base19"),
        ("tim", "BASE19", "TIM has no renewal policy 'BASE19'; known are sempre-connesso, base19"),
        ("digi", "base19", "Digi Mobil has no renewal policy 'base19'; known are none"),
    ],
)
def test_a_policy_that_is_not_there(slug: str, asked: str, sentence: str) -> None:
    with pytest.raises(NotFound) as refusal:
        rulebook.operator(slug).renewal_policy(asked)
    assert (refusal.value.message, refusal.value.code, refusal.value.field) == (
        sentence,
        "policy_unknown",
        "renewal_policy",
    )


def test_a_policy_cannot_be_changed_or_grow() -> None:
    policy = rulebook.operator("tim").renewal_policy()
    assert not hasattr(policy, "__dict__")
    with pytest.raises(FrozenInstanceError):
        policy.restart = "old_date"  # type: ignore[misc]  # that it cannot be written is what is tested
    assert policy.restart == "day_of_topup"


def test_a_rule_that_says_too_little_stays_text() -> None:
    late = rulebook.operator("tim").late_renewal[1]
    assert (late.text, late.policy, late.is_default) == (
        "charged only on days on which calls, SMS or data are used",
        None,
        False,
    )
    assert (late.charge, late.days) == (Money(90, "EUR"), None)


def test_every_offer_of_the_book_has_a_policy() -> None:
    for operator in rulebook.operators():
        for offer in operator.offers:
            assert operator.renewal_policy(offer.renewal_policy) is not None


def test_the_policies_of_the_sample(sample: Operator) -> None:
    days, once = sample.renewal_policies
    assert terms(days) == ("courtesy", (90, 180, 0), "block", (3, 1), "old_date", 60, (), ("one", "two"))
    assert terms(once) == (
        *("negative_once", (), "sleep", (3, 1), "day_of_topup", 60, NO_RESTART),
        ("two", "one"),
    )
    assert sample.renewal_policy() is days
    assert sample.renewal_policy(sample.offers[0].renewal_policy) is once


def test_charge_and_days_of_a_policy_follow_from_its_courtesy(sample: Operator) -> None:
    assert [(one.charge, one.days) for one in sample.late_renewal] == [
        (None, None),
        (Money(90, "EUR"), 3),
        (None, None),
    ]
    assert [(one.charge, one.days) for one in rulebook.operator("iliad").late_renewal] == [(Money(0, "EUR"), 0)]


BASE19 = 'id = "base19"\ndefault = true\n'
SLEEPS = 'on_short_credit = "sleep"\nrestart = "day_of_topup"\n'


@pytest.mark.parametrize(
    ("old", "new", "piece", "sentence"),
    [
        pytest.param(
            'on_short_credit = "sleep"',
            'on_short_credit = "slep"',
            "slep",
            'renewal.late[3].on_short_credit is "slep"; it must be one of "sleep", "courtesy", "negative_once"',
            id="unknown word for what happens",
        ),
        pytest.param(
            'after_courtesy = "sleep"',
            'after_courtesy = "bloc"',
            '"bloc"',
            'renewal.late[1].after_courtesy is "bloc"; it must be one of "block", "sleep"',
            id="unknown word for what follows",
        ),
        pytest.param(
            'restart = "day_of_topup"',
            'restart = "tomorrow"',
            "tomorrow",
            'renewal.late[3].restart is "tomorrow"; it must be one of "day_of_topup", "old_date", "unknown"',
            id="unknown word for the date",
        ),
        pytest.param(
            SLEEPS,
            'on_short_credit = "sleep"\nrestrat = "day_of_topup"\nrestart = "unknown"\n',
            "restrat",
            'renewal.late[3].restrat is not a key that is known here; perhaps "restart"',
            id="misspelt key",
        ),
        pytest.param(
            BASE19,
            'id = "TIM BASE19"\ndefault = true\n',
            'id = "TIM BASE19"',
            'renewal.late[3].id is "TIM BASE19"; it must be lower-case letters, digits and dashes',
            id="id that is no slug",
        ),
        pytest.param(
            BASE19,
            'id = "sempre-connesso"\ndefault = true\n',
            'automatic"\n\n[[renewal.late]]\nid = "sempre-connesso"',
            'renewal.late[3].id "sempre-connesso" is used twice',
            id="id twice",
        ),
        pytest.param(
            BASE19,
            'id = "cautious"\ndefault = true\n',
            'id = "cautious"',
            'renewal.late[3].id is "cautious", the name for operators without a policy',
            id="id that is taken",
        ),
        pytest.param(
            'id = "sempre-connesso"\n',
            'id = "sempre-connesso"\ndefault = true\n',
            'id = "base19"\ndefault = true',
            "renewal.late[3].default is true, but renewal.late[1] is the default already",
            id="two defaults",
        ),
        pytest.param(
            BASE19,
            'id = "base19"\n',
            "[[renewal.late]]",
            'renewal.late lacks "default": one of its policies must have default = true',
            id="no default",
        ),
        pytest.param(
            BASE19,
            'id = "base19"\ndefault = false\n',
            "default = false",
            "renewal.late[3].default is false; it must be true",
            id="default that is none",
        ),
        pytest.param(
            'courtesy = ["0.90", "0.90"]',
            'courtesy = ["0.90", "-0.90"]',
            '"-0.90"',
            'renewal.late[1].courtesy[2] is "-0.90"; it must be euros with two decimals in quotes, like "5.00"',
            id="negative charge",
        ),
        pytest.param(
            'courtesy = ["0.90", "0.90"]',
            "courtesy = [0.9]",
            "courtesy = [0.9]",
            'renewal.late[1].courtesy[1] is 0.9; it must be euros with two decimals in quotes, like "5.00"',
            id="a float for a charge",
        ),
        pytest.param(
            'courtesy = ["0.90", "0.90"]',
            "courtesy = []",
            "courtesy = []",
            "renewal.late[1].courtesy is []; it must be a list of the charges of 1 to 31 further days, in order",
            id="courtesy of no day",
        ),
        pytest.param(
            'courtesy = ["0.90", "0.90"]\n',
            "",
            "[[renewal.late]]",
            'renewal.late[1] lacks "courtesy", which on_short_credit = "courtesy" wants',
            id="courtesy that was forgotten",
        ),
        pytest.param(
            'after_courtesy = "sleep"\n',
            "",
            "[[renewal.late]]",
            'renewal.late[1] lacks "after_courtesy", which on_short_credit = "courtesy" wants',
            id="what follows was forgotten",
        ),
        pytest.param(
            SLEEPS,
            SLEEPS + 'courtesy = ["0.90"]\n',
            'courtesy = ["0.90"]',
            'renewal.late[3].courtesy stands beside on_short_credit = "sleep", which has none',
            id="courtesy with sleep",
        ),
        pytest.param(
            SLEEPS,
            SLEEPS + 'after_courtesy = "block"\n',
            'after_courtesy = "block"',
            'renewal.late[3].after_courtesy stands beside on_short_credit = "sleep", which has none',
            id="a block after sleep",
        ),
        pytest.param(
            SLEEPS,
            SLEEPS + 'charge = "0.00"\n',
            'charge = "0.00"',
            "renewal.late[3].charge is not a key that is known here",
            id="a charge beside the courtesy",
        ),
        pytest.param(
            "removed_after_days = 180",
            "removed_after_days = 0",
            "removed_after_days",
            "renewal.suspended[1].removed_after_days is 0; it must be a whole number of days from 1 to 3660",
            id="removed at once",
        ),
        pytest.param(
            "removed_after_days = 180",
            'removed_after_days = "unknown"',
            "removed_after_days",
            'renewal.suspended[1].removed_after_days is "unknown"; it must be a whole number of days from 1 to 3660',
            id="unknown is left out",
        ),
        pytest.param(
            'name = "TIM Base e Chat"',
            'name = "TIM Base e Chat"\nrenewal_policy = "base20"',
            "base20",
            'plans.offers[2].renewal_policy names the policy "base20", but no [[renewal.late]] entry has that id',
            id="offer with a policy that is not there",
        ),
        pytest.param(
            'name = "TIM Base e Chat"',
            'name = "TIM Base e Chat"\nrenewal_policy = true',
            "renewal_policy",
            "plans.offers[2].renewal_policy is true; it must be the id of a [[renewal.late]] entry",
            id="offer with a policy that is no name",
        ),
    ],
)
def test_a_mistake_in_a_policy(changed: Change, old: str, new: str, piece: str, sentence: str) -> None:
    """It is named by the line on which `piece` ends where it first stands."""
    file = changed(old, new)
    line = (file.text[: file.text.index(piece)] + piece).count("\n") + 1
    assert said(file.path) == [f"{file.path}:{line}: {sentence}."]


def said(path: Path) -> list[str]:
    return [str(mistake) for mistake in checking.check([path], today=TODAY)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "attempts_before_days = [2, 1]",
            "attempts_before_days = [1, 2]",
            "must go down: the day that is furthest before the date comes first",
        ),
        (
            "attempts_before_days = [2, 1]",
            "attempts_before_days = 2",
            "is 2; it must be a list of days before the date on which the fee is tried, like [2, 1]",
        ),
        (
            "attempts_before_days = [2, 1]",
            "attempts_before_days = [2, 2]",
            "is [2, 2]; it must be a list of days before the date on which the fee is tried, like [2, 1]",
        ),
    ],
    ids=["upwards", "a number", "twice"],
)
def test_a_mistake_in_the_attempts(changed: Change, old: str, new: str, sentence: str) -> None:
    file = changed(old, new, slug="iliad")
    line = file.line_of("attempts_before_days")
    assert said(file.path) == [f"{file.path}:{line}: renewal.hour[1].attempts_before_days {sentence}."]


def test_an_attempt_on_the_day_itself_is_none(changed: Change) -> None:
    file = changed("attempts_before_days = [2, 1]", "attempts_before_days = [2, 0]", slug="iliad")
    assert said(file.path) == [
        f"{file.path}:{file.line_of('attempts_before_days')}: renewal.hour[1].attempts_before_days[2] is 0; "
        "it must be a whole number from 1 to 28."
    ]


def test_two_lists_of_attempts_cannot_both_be_carried_out(changed: Change) -> None:
    more = '[[renewal.hour]]\ntext = "x"\nattempts_before_days = [3]\nsources = ["notizieora-2019"]\n\n'
    file = changed("# Whom to ask", more + "# Whom to ask", slug="iliad")
    assert said(file.path) == [
        f"{file.path}:{file.line_of('attempts_before_days', 2)}: renewal.hour[2].attempts_before_days "
        "stands in a second entry; only one can be carried out."
    ]


@pytest.mark.parametrize(
    ("key", "value"), [("suspended", "removed_after_days = 30"), ("hour", "attempts_before_days = [2]")]
)
def test_what_no_policy_would_use_is_a_mistake(changed: Change, key: str, value: str) -> None:
    entry = f'[[renewal.{key}]]\ntext = "x"\n{value}\nsources = ["very"]\n\n'
    others = "".join(f'{name} = "unknown"\n' for name in ("late", "suspended", "hour") if name != key)
    file = changed(
        '[renewal]\nlate = "unknown"\nsuspended = "unknown"\nhour = "unknown"\n\n',
        f"[renewal]\n{others}\n{entry}",
        slug="very",
    )
    name = value.split(" ")[0]
    assert (
        f"{file.path}:{file.line_of(value)}: renewal.{key}[1].{name} belongs to no policy: "
        "no [[renewal.late]] entry has an id."
    ) in said(file.path)


def test_a_file_with_a_mistake_in_a_policy_does_not_pass_the_command(changed: Change, lineaviva: Command) -> None:
    file = changed('courtesy = ["0.90", "0.90"]', 'courtesy = ["-0.90"]')
    ran = lineaviva("rulebook", "check", str(file.path))
    assert ran.code == 1
    assert f"{file.path}:{file.line_of('-0.90')}: renewal.late[1].courtesy[1]" in ran.out + ran.err


def test_a_late_entry_that_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    start, end = SAMPLE.index("[renewal]"), SAMPLE.index("[channels]")
    text = SAMPLE[:start] + '[renewal]\nlate = ["x"]\nsuspended = "unknown"\nhour = "unknown"\n\n' + SAMPLE[end:]
    path.write_text(text, encoding="utf-8")
    line = text.split("\n").index('late = ["x"]') + 1
    assert said(path) == [f'{path}:{line}: renewal.late[1] is "x"; it must be a table.']


def test_how_long_before_a_holder_must_be_told() -> None:
    legal = rulebook.legal()
    assert (legal.suspension_notice_days, legal.loss_notice_days, legal.change_notice_days) == (30, 30, 30)
    assert [source.id for source in legal.rule("notice").sources] == ["mondo3-delibera-52-12", "mondo3-delibera-26-08"]
    assert (legal.rule("notice").confidence, legal.rule("price-changes").confidence) == ("low", "medium")


def test_a_rule_without_days_is_never_taken_for_no_notice() -> None:
    rules = tuple(rule for rule in rulebook.legal().rules if rule.id == "vat")
    with pytest.raises(KeyError):
        assert Legal(rules).loss_notice_days == 0
    with pytest.raises(ValueError, match="'vat' names no days"):
        Legal(rules)._days("vat")


@pytest.mark.parametrize(
    ("old", "new", "piece", "sentence"),
    [
        pytest.param(
            'again before the number is taken back"\ndays = 30\n',
            'again before the number is taken back"\n',
            'id = "notice"',
            'rules[3] lacks "days", which are counted',
            id="notice of no days",
        ),
        pytest.param(
            'id = "price-changes"',
            'id = "price-change"',
            'id = "number-ceased"',
            'rules lacks the rule "price-changes", whose days are counted',
            id="rule under another name",
        ),
        pytest.param(
            'id = "withdrawal"',
            'id = "credit-back"',
            "",
            'rules[7].id "credit-back" is used twice',
            id="rule twice",
        ),
    ],
)
def test_a_mistake_in_the_rules_that_are_counted(tmp_path: Path, old: str, new: str, piece: str, sentence: str) -> None:
    text = LEGAL.read_text(encoding="utf-8")
    assert text.count(old) == 1
    text = text.replace(old, new)
    path = tmp_path / "legal.toml"
    path.write_text(text, encoding="utf-8")
    lines = text.split("\n")
    line = lines.index(piece) if piece else len(lines) - 1 - lines[::-1].index('id = "credit-back"') + 1
    assert said(path) == [f"{path}:{line}: {sentence}."]
