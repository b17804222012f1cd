from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache

from lineaviva.keeper.accounts import queries
from lineaviva.keeper.accounts.actions import (
    audit,
    language_set,
    one_time_link_create,
    one_time_link_use,
    role_set,
    user_get_or_create,
    users_get_or_create,
)
from lineaviva.keeper.accounts.models import AuditEntry, OneTimeLink, User
from lineaviva.kernel.errors import InvalidInput, NotAllowed, NotFound
from tests import factories

pytestmark = pytest.mark.django_db


def token_of(path: str) -> str:
    assert path.startswith("/sign-in/")
    assert path.endswith("/")
    return path.split("/")[2]


class TestUser:
    def test_a_new_address_gets_an_account(self, now: datetime) -> None:
        anna = user_get_or_create(email=" Anna@Example.ORG ", language="zh-hant", now=now)
        assert (anna.email, anna.language, anna.role) == ("anna@example.org", "zh-hant", "holder")
        assert anna.date_joined == now
        assert not anna.has_usable_password()

    def test_a_known_address_is_left_as_it_is(self, now: datetime) -> None:
        first = user_get_or_create(email="anna@example.org", language="it", now=now)
        again = user_get_or_create(email="ANNA@example.org", language="en", role="operations", now=now)
        assert again == first
        assert (again.language, again.role) == ("it", "holder")
        assert User.objects.count() == 1

    @pytest.mark.parametrize(
        ("facts", "code", "field"),
        [
            pytest.param({"email": "anna"}, "email_invalid", "email", id="no address"),
            pytest.param({"email": ""}, "email_invalid", "email", id="empty"),
            pytest.param({"email": "a\n@example.org"}, "email_invalid", "email", id="line break"),
            pytest.param({"email": f"{'a' * 250}@example.org"}, "email_invalid", "email", id="too long"),
            pytest.param({"language": "de"}, "language_unknown", "language", id="language"),
            pytest.param({"role": "king"}, "role_unknown", "role", id="role"),
        ],
    )
    def test_bad_input_makes_no_account(self, now: datetime, facts: dict[str, str], code: str, field: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            user_get_or_create(**{"email": "anna@example.org", **facts, "now": now})  # type: ignore[arg-type]
        assert (refusal.value.code, refusal.value.field) == (code, field)
        assert not User.objects.exists()

    def test_many_at_once(self, now: datetime, django_assert_max_num_queries: object) -> None:
        anna = factories.holder()
        emails = [f"holder{number}@example.org" for number in range(1200)]
        found = users_get_or_create(emails=[*emails, anna.email, *emails], language="zh-hans", now=now)
        assert len(found) == 1201
        assert found["anna@example.org"] == anna
        assert found["anna@example.org"].language == "it"
        assert found["holder7@example.org"].language == "zh-hans"
        assert not found["holder7@example.org"].has_usable_password()
        assert User.objects.count() == 1201

    def test_found_by_address_in_any_case(self) -> None:
        anna = factories.holder()
        assert queries.user_by_email(" ANNA@example.org") == anna
        with pytest.raises(NotFound) as refusal:
            queries.user_by_email("eve@example.org")
        assert refusal.value.code == "user_unknown"

    def test_language_is_kept(self) -> None:
        anna = factories.holder(language="it")
        language_set(user=anna, language="zh-hant")
        assert anna.language == "zh-hant"
        assert User.objects.get(pk=anna.pk).language == "zh-hant"
        with pytest.raises(InvalidInput):
            language_set(user=anna, language="zh-tw")
        assert User.objects.get(pk=anna.pk).language == "zh-hant"


class TestRole:
    def test_operations_changes_a_role_and_it_is_written_down(self, now: datetime) -> None:
        dora = factories.holder("dora@example.org", role="operations")
        chen = factories.holder("chen@example.org")
        role_set(user=chen, role="clerk", by=dora, now=now)
        assert chen.role == "clerk"
        entry = AuditEntry.objects.get()
        assert (entry.actor, entry.act, entry.subject) == (dora, "role_set", f"user:{chen.pk}")
        assert entry.detail == {"from": "holder", "to": "clerk"}
        assert entry.at == now

    def test_the_same_role_again_writes_nothing(self, now: datetime) -> None:
        chen = factories.clerk()
        role_set(user=chen, role="clerk", by=None, now=now)
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("role", ["holder", "clerk", "agent"])
    def test_nobody_else_may(self, role: str, now: datetime) -> None:
        eve = factories.holder("eve@example.org", role=role)
        with pytest.raises(NotAllowed):
            role_set(user=eve, role="operations", by=eve, now=now)
        assert User.objects.get(pk=eve.pk).role == role
        assert not AuditEntry.objects.exists()

    def test_require_role(self) -> None:
        chen = factories.clerk()
        queries.require_role(chen, "clerk", "operations")
        with pytest.raises(NotAllowed) as refusal:
            queries.require_role(chen, "operations")
        assert refusal.value.code == "role_needed"
        chen.is_active = False
        with pytest.raises(NotAllowed):
            queries.require_role(chen, "clerk")


class TestOneTimeLink:
    def test_signs_in_once(self, now: datetime) -> None:
        anna = factories.holder()
        token = token_of(one_time_link_create(user=anna, now=now))
        assert one_time_link_use(token=token, now=now + timedelta(hours=23)) == anna
        with pytest.raises(InvalidInput) as refusal:
            one_time_link_use(token=token, now=now + timedelta(hours=23))
        assert refusal.value.code == "link_used"

    def test_only_the_hash_is_kept(self, now: datetime) -> None:
        token = token_of(one_time_link_create(user=factories.holder(), now=now))
        row = OneTimeLink.objects.values_list().get()
        assert token not in " ".join(str(value) for value in row)
        assert len(token) >= 43

    @pytest.mark.parametrize("token", ["", "nonsense", "x" * 5000, "été"])
    def test_an_unknown_token(self, token: str, now: datetime) -> None:
        with pytest.raises(InvalidInput) as refusal:
            one_time_link_use(token=token, now=now)
        assert refusal.value.code == "link_unknown"

    def test_the_stored_hash_is_no_token(self, now: datetime) -> None:
        one_time_link_create(user=factories.holder(), now=now)
        with pytest.raises(InvalidInput):
            one_time_link_use(token=OneTimeLink.objects.get().token_hash, now=now)

    def test_expires(self, now: datetime) -> None:
        token = token_of(one_time_link_create(user=factories.holder(), now=now, valid_for=timedelta(minutes=5)))
        with pytest.raises(InvalidInput) as refusal:
            one_time_link_use(token=token, now=now + timedelta(minutes=5))
        assert refusal.value.code == "link_expired"
        assert OneTimeLink.objects.get().used_at is None

    def test_not_for_an_account_that_is_switched_off(self, now: datetime) -> None:
        anna = factories.holder()
        token = token_of(one_time_link_create(user=anna, now=now))
        User.objects.update(is_active=False)
        with pytest.raises(InvalidInput) as refusal:
            one_time_link_use(token=token, now=now)
        assert refusal.value.code == "account_inactive"
        assert OneTimeLink.objects.get().used_at is None

    def test_dead_links_are_forgotten_after_a_month(self, now: datetime) -> None:
        anna = factories.holder()
        one_time_link_create(user=anna, now=now)
        one_time_link_create(user=anna, now=now + timedelta(days=20))
        one_time_link_create(user=anna, now=now + timedelta(days=32))
        assert OneTimeLink.objects.count() == 2


def test_audit_keeps_who_did_what(now: datetime) -> None:
    chen = factories.clerk()
    audit(actor=chen, act="cash_confirmed", subject="order:ABCD2345", detail={"amount": 500}, now=now)
    audit(actor=None, act="restored", subject="order:ABCD2345", now=now)
    first, second = queries.audit_of("order:ABCD2345")
    assert (first.actor, first.act, first.detail) == (None, "restored", {})
    assert (second.actor, second.act, second.detail) == (chen, "cash_confirmed", {"amount": 500})


def test_the_cache_that_all_processes_share_is_there() -> None:
    cache.set("limit", 3, 60)
    assert cache.get("limit") == 3
    assert cache.incr("limit") == 4
