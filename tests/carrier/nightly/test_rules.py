"""What the night does with a plan, by the policies of the real rulebook: no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva import rulebook
from lineaviva.carrier.nightly.rules import Case, Offer, effective_on, terms, waking_terms
from lineaviva.carrier.subscriptions.rules import period_end
from lineaviva.rulebook import RenewalPolicy
from lineaviva.rulebook.facts import CAUTIOUS
from tests.carrier.nightly.lines import NIGHT, day

POLICIES = {
    f"{operator.slug} {policy.id}": policy
    for operator in rulebook.operators()
    for policy in [*operator.renewal_policies, CAUTIOUS]
}


def case(**facts: object) -> Case:
    usual: dict[str, object] = {
        "operator": "tim",
        "offering_id": "tim-base",
        "status": "active",
        "auto_renew": True,
        "anchor_day": 22,
        "paid_until": NIGHT,
        "late_days": 0,
    }
    return Case(**{**usual, **facts})  # type: ignore[arg-type]


def offer(policy: RenewalPolicy, **facts: object) -> Offer:
    usual: dict[str, object] = {"months": 1, "days": None, "policy": policy, "data": 50_000, "voice": -1, "sms": 200}
    return Offer(**{**usual, **facts})  # type: ignore[arg-type]


# --- without enough credit ------------------------------------------------------------------------------------------

# Policy, days paid ahead, courtesy days had -> outcome, cents, days until the next look.
SHORT = [
    ("tim base19", 0, 0, "asleep", 0, 180),
    ("tim sempre-connesso", 0, 0, "courtesy", 90, 1),
    ("tim sempre-connesso", 0, 1, "courtesy", 90, 1),
    ("tim sempre-connesso", 0, 2, "asleep", 0, 180),
    ("vodafone continuity", 0, 0, "courtesy", 99, 1),
    ("vodafone continuity", 0, 1, "courtesy", 99, 1),
    ("vodafone continuity", 0, 2, "blocked", 0, None),
    ("windtre days-in-advance", 0, 0, "courtesy", 99, 1),
    ("windtre days-in-advance", 0, 1, "courtesy", 99, 1),
    ("windtre days-in-advance", 0, 2, "courtesy", 0, 1),
    ("windtre days-in-advance", 0, 3, "blocked", 0, None),
    ("windtre days-in-advance-2021", 0, 0, "courtesy", 99, 1),
    ("windtre days-in-advance-2021", 0, 1, "courtesy", 199, 1),
    ("windtre days-in-advance-2021", 0, 2, "courtesy", 0, 1),
    ("windtre days-in-advance-2021", 0, 4, "courtesy", 0, 1),
    ("windtre days-in-advance-2021", 0, 5, "blocked", 0, None),
    ("windtre former-3-italia", 0, 1, "courtesy", 99, 1),
    ("windtre former-3-italia", 0, 2, "blocked", 0, None),
    ("iliad no-charge", 2, 0, "tried", 0, 1),
    ("iliad no-charge", 1, 0, "tried", 0, 1),
    ("iliad no-charge", 0, 0, "asleep", 0, None),
    ("ho negative-once", 0, 0, "negative", 0, None),
    ("kena suspended", 0, 0, "asleep", 0, 90),
    ("coopvoce waits", 0, 0, "asleep", 0, 37),
    ("spusu no-charge", 0, 0, "asleep", 0, None),
    ("digi cautious", 0, 0, "asleep", 0, None),
]


@pytest.mark.parametrize(
    ("policy", "ahead", "late", "outcome", "cents", "look"),
    SHORT,
    ids=[f"{policy}, {ahead} ahead, {late} late" for policy, ahead, late, *_ in SHORT],
)
def test_without_credit(policy: str, ahead: int, late: int, outcome: str, cents: int, look: int | None) -> None:
    found = terms(case(paid_until=day(ahead), late_days=late), offer(POLICIES[policy]), day=NIGHT)
    expected = None if look is None else day(look)
    assert (found.always, found.short, found.short_charge, found.short_due_on) == ("", outcome, cents, expected)


def test_the_table_above_leaves_no_policy_out() -> None:
    assert {name for name in POLICIES if not name.endswith(" cautious")} <= {row[0] for row in SHORT}


# --- with it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "facts", "changes", "paid_until", "due_on", "anchor"),
    [
        pytest.param("tim base19", {}, {}, date(2026, 12, 22), date(2026, 12, 22), 22, id="on its day"),
        pytest.param(
            "iliad no-charge",
            {"paid_until": day(2), "anchor_day": 24},
            {},
            date(2026, 12, 24),
            date(2026, 12, 22),
            24,
            id="two days ahead: none of them is lost",
        ),
        pytest.param(
            "vodafone continuity",
            {"paid_until": day(-1), "anchor_day": 21, "late_days": 1},
            {},
            date(2026, 12, 22),
            date(2026, 12, 22),
            22,
            id="late: from today, which becomes its day",
        ),
        pytest.param(
            "tim base19", {}, {"months": None, "days": 28}, date(2026, 12, 20), date(2026, 12, 20), 22, id="28 days"
        ),
        pytest.param(
            "tim base19",
            {"status": "stuck", "paid_until": day(-40), "anchor_day": 13},
            {},
            date(2026, 12, 22),
            date(2026, 12, 22),
            22,
            id="stuck for long: days nobody could use are not charged",
        ),
    ],
)
def test_with_credit(
    policy: str, facts: dict[str, object], changes: dict[str, object], paid_until: date, due_on: date, anchor: int
) -> None:
    found = terms(case(**facts), offer(POLICIES[policy], **changes), day=NIGHT)
    assert (found.always, found.paid_until, found.due_on, found.anchor_day) == ("", paid_until, due_on, anchor)
    assert (found.data, found.voice, found.sms) == (50_000, -1, 200)


@pytest.mark.parametrize(
    ("facts", "changes", "expected", "look"),
    [
        pytest.param({"status": "asleep"}, {}, "removed", None, id="slept too long"),
        pytest.param({"status": "blocked"}, {}, "removed", None, id="blocked too long"),
        pytest.param({}, {"withdrawn": True}, "withdrawn", None, id="withdrawn"),
        pytest.param({"auto_renew": False}, {}, "ended", None, id="not to be renewed"),
        pytest.param({"status": "asleep"}, {"withdrawn": True}, "removed", None, id="asleep, and withdrawn"),
        pytest.param({}, {"months": None}, "stuck", day(1), id="an offer without a period"),
        pytest.param({}, None, "stuck", day(1), id="an offer that is no more"),
        pytest.param({"status": "stuck"}, None, "stuck", day(1), id="and still is not"),
        # The days that are paid for are had, whatever comes after them.
        pytest.param({"paid_until": day(2)}, {"withdrawn": True}, "tried", day(2), id="withdrawn, tried ahead"),
        pytest.param({"paid_until": day(1), "auto_renew": False}, {}, "tried", day(1), id="ends, looked at ahead"),
    ],
)
def test_whatever_the_credit(
    facts: dict[str, object], changes: dict[str, object] | None, expected: str, look: date | None
) -> None:
    known = None if changes is None else offer(POLICIES["tim base19"], **changes)
    found = terms(case(**facts), known, day=NIGHT)
    assert (found.always, found.short_due_on) == (expected, look)


def test_a_changed_price_is_the_new_list_price() -> None:
    assert terms(case(), offer(CAUTIOUS, new_minor=899), day=NIGHT).list_minor == 899
    assert terms(case(), offer(CAUTIOUS), day=NIGHT).list_minor is None


# --- woken by a top-up ----------------------------------------------------------------------------------------------

MISSED = case(status="asleep", paid_until=date(2026, 10, 31), anchor_day=31)
OLD_DATE = replace(CAUTIOUS, restart="old_date")


@pytest.mark.parametrize(
    ("policy", "paid_until", "anchor"),
    [
        pytest.param(CAUTIOUS, date(2026, 12, 22), 22, id="the day of the top-up counts"),
        pytest.param(OLD_DATE, date(2026, 11, 30), 31, id="the old date counts"),
    ],
)
def test_where_it_starts_again(policy: RenewalPolicy, paid_until: date, anchor: int) -> None:
    found = waking_terms(MISSED, offer(policy), day=NIGHT)
    assert found is not None
    assert (found.paid_until, found.due_on, found.anchor_day) == (paid_until, paid_until, anchor)
    assert (found.always, found.short) == ("", "")


def test_woken_by_its_old_date_it_is_never_due_at_once() -> None:
    """Missed for months: the months that nobody could use are passed over, not charged one by one."""
    found = waking_terms(replace(MISSED, paid_until=date(2026, 3, 31)), offer(OLD_DATE), day=NIGHT)
    assert found is not None
    assert found.paid_until == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        pytest.param({}, None, id="no such offer any more"),
        pytest.param({}, offer(CAUTIOUS, withdrawn=True), id="withdrawn"),
        pytest.param({"auto_renew": False}, offer(CAUTIOUS), id="not to be renewed"),
        pytest.param({}, offer(CAUTIOUS, months=None), id="without a period"),
    ],
)
def test_what_is_not_woken(facts: dict[str, object], known: Offer | None) -> None:
    assert waking_terms(replace(MISSED, **facts), known, day=NIGHT) is None  # type: ignore[arg-type]


# --- whatever happens -----------------------------------------------------------------------------------------------

NAMES = st.sampled_from(sorted(POLICIES))


@st.composite
def seen(draw: st.DrawFn) -> tuple[Case, Offer, date]:
    """A plan as the night may find it: on its day or late, ahead only where its policy tries ahead."""
    policy = POLICIES[draw(NAMES)]
    if draw(st.booleans()):
        policy = replace(policy, restart="old_date")
    night = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 3000)))
    ahead = draw(st.sampled_from((*policy.attempts_before_days, *range(-400, 1))))
    paid_until = night + timedelta(days=ahead)
    status = draw(st.sampled_from(["active", "stuck"]))
    late = draw(st.integers(0, len(policy.courtesy_minor))) if ahead <= 0 else 0
    anchor = paid_until.day if draw(st.booleans()) else 31
    period: tuple[int | None, int | None] = draw(
        st.sampled_from([(1, None), (12, None), (None, 1), (None, 28), (None, 30)])
    )
    known = offer(policy, months=period[0], days=period[1])
    return case(status=status, paid_until=paid_until, late_days=late, anchor_day=anchor), known, night


@given(seen())
def test_a_renewed_plan_is_paid_beyond_the_night_and_due_at_its_end_or_ahead_of_it(
    what: tuple[Case, Offer, date],
) -> None:
    known, of, night = what
    found = terms(known, of, day=night)
    assert found.paid_until is not None
    assert found.due_on is not None
    furthest = max(of.policy.attempts_before_days, default=0)
    assert night < found.due_on <= found.paid_until
    assert found.due_on >= found.paid_until - timedelta(days=furthest)
    # No more than one period is ever charged at once.
    start = max(known.paid_until, night)
    longest = period_end(start, months=of.months, days=of.days, anchor_day=found.anchor_day)
    assert longest is not None
    assert found.paid_until <= longest


@given(seen())
def test_paid_in_time_no_day_is_lost(what: tuple[Case, Offer, date]) -> None:
    known, of, night = what
    if known.paid_until < night:
        return
    found = terms(known, of, day=night)
    expected = period_end(known.paid_until, months=of.months, days=of.days, anchor_day=known.anchor_day)
    if expected is not None and expected > night:
        assert (found.paid_until, found.anchor_day) == (expected, known.anchor_day)


@given(seen())
def test_without_credit_nothing_is_taken_and_the_night_does_not_look_twice(what: tuple[Case, Offer, date]) -> None:
    known, of, night = what
    found = terms(known, of, day=night)
    assert found.short_charge >= 0
    assert found.short_due_on is None or found.short_due_on > night
    if found.short_charge:
        assert (found.short, found.short_charge) == ("courtesy", of.policy.courtesy_minor[known.late_days])
    if known.paid_until > night:
        assert found.short == "tried"
        assert found.short_due_on is not None
        assert found.short_due_on <= known.paid_until


@given(NAMES, st.integers(0, 2))
def test_night_after_night_without_credit_ends_soon_and_costs_what_the_policy_says(name: str, ahead: int) -> None:
    policy = POLICIES[name]
    now = case(paid_until=day(ahead))
    night, cents, looks = day(0), 0, 0
    while True:
        found = terms(now, offer(policy), day=night)
        looks, cents = looks + 1, cents + found.short_charge
        if found.short not in ("courtesy", "tried"):
            break
        now = replace(now, late_days=now.late_days + (found.short == "courtesy"))
        assert found.short_due_on is not None
        night = found.short_due_on
    assert cents == sum(policy.courtesy_minor)
    assert looks <= len(policy.courtesy_minor) + 3
    assert night >= now.paid_until


# --- changes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_on", "told_on", "expected"),
    [
        pytest.param(day(60), NIGHT, day(60), id="told long before"),
        pytest.param(day(30), NIGHT, day(30), id="told just in time"),
        pytest.param(day(29), NIGHT, day(30), id="told a day too late"),
        pytest.param(day(-5), NIGHT, day(30), id="told after it should have begun"),
    ],
)
def test_a_change_counts_when_its_notice_is_over(from_on: date, told_on: date, expected: date) -> None:
    assert effective_on(from_on, told_on, 30) == expected
