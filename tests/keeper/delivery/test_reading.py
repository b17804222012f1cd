"""Who may see what, what is sealed, the links of messages, and what is left of a profile after a restore elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.signing import Signer

from lineaviva.keeper.delivery import queries
from lineaviva.keeper.delivery.actions import delivery_begin, delivery_replace, delivery_resend
from lineaviva.keeper.delivery.links import install_link, install_link_read
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.queries import Choice, activation_code, may_see_code, profile_choice
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.delivery.sealing import seal, unseal
from lineaviva.keeper.lines.actions import line_share
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound
from tests import factories
from tests.keeper.delivery.conftest import Way, again, mails, states
from tests.keeper.delivery.test_progress import facts

# --- who sees it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "sees", "sees_code"),
    [
        ("anna", True, True),
        ("bo, who may pay", True, False),
        ("bea, who may look", False, False),
        ("chen", True, False),
        ("dora", True, False),
        ("eve", False, False),
    ],
)
def test_only_its_holder_sees_the_code(way: Way, who: str, sees: bool, sees_code: bool) -> None:
    delivery = way.released()
    rights = {"bo": "pay", "bea": "read"}
    name = who.split(",")[0]
    if name in rights:
        line_share(
            line=delivery.line,
            with_email=f"{name}@example.org",
            right=rights[name],
            by=delivery.line.holder,
            now=way.now,
        )
    roles = {"chen": "clerk", "dora": "operations"}
    user = factories.holder(f"{name}@example.org", role=roles.get(name, "holder"))
    assert may_see_code(delivery, user) is sees_code
    if sees:
        assert queries.delivery_for(user=user, code=delivery.code) == delivery
    else:
        with pytest.raises(NotFound) as refusal:
            queries.delivery_for(user=user, code=delivery.code)
        assert refusal.value.code == "delivery_unknown"


def test_a_holder_who_was_switched_off_sees_no_code(way: Way) -> None:
    delivery = way.released()
    delivery.line.holder.is_active = False
    assert may_see_code(delivery, delivery.line.holder) is False


def test_a_holder_who_was_switched_off_gets_no_message(way: Way) -> None:
    delivery = way.released()
    mail.outbox.clear()
    delivery_resend(delivery=delivery, by=None, now=way.now)
    type(delivery.line.holder).objects.filter(pk=delivery.line.holder_id).update(is_active=False)
    way.look()
    assert (mails(delivery), mail.outbox) == ([("ready", "sent"), ("ready", "dropped")], [])


def test_codes_are_read_as_people_type_them(way: Way) -> None:
    delivery = way.released()
    typed = f" {delivery.code[:4].lower()}-{delivery.code[4:]} "
    assert queries.delivery_by_code(typed) == delivery
    for nothing in ("", "K2M7F5P", "KKKKKKKK"):
        with pytest.raises(NotFound):
            queries.delivery_by_code(nothing)


def test_the_profiles_of_a_line_newest_first(way: Way) -> None:
    old = way.installed()
    new = delivery_replace(delivery=old, reason="transfer", by=None, now=way.now)
    other = way.released()
    assert list(queries.deliveries_of(old.line)) == [new, old]
    assert list(queries.deliveries()) == [other, new, old]


# --- what a renewal offers ----------------------------------------------------------------------------------------


def test_what_a_renewal_offers(way: Way) -> None:
    no = Choice(offered=False, default=False)
    assert profile_choice(factories.line(now=way.now)) == no
    assert profile_choice(way.esim(operator="windtre")) == no
    delivery = way.released()
    assert profile_choice(delivery.line) == Choice(offered=True, default=True)
    way.tell(delivery, Point.INSTALLATION)
    assert profile_choice(delivery.line) == Choice(offered=True, default=False)
    way.clock.advance(timedelta(seconds=1))
    way.tell(delivery, Point.DELETED)
    assert profile_choice(delivery.line) == Choice(offered=True, default=True)


# --- sealing ------------------------------------------------------------------------------------------------------


def test_what_is_sealed_opens_only_under_its_label_and_key(settings: Any) -> None:
    sealed = seal("LPA:1$smdp.example.com$K2", "activation code:K2M7F5PW")
    assert b"smdp" not in sealed
    assert unseal(sealed, "activation code:K2M7F5PW") == "LPA:1$smdp.example.com$K2"
    assert sealed != seal("LPA:1$smdp.example.com$K2", "activation code:K2M7F5PW")
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    wrong = [(sealed, "activation code:other"), (damaged, "activation code:K2M7F5PW"), (b"", "x"), (sealed[:12], "x")]
    assert [unseal(*one) for one in wrong] == [None] * 4
    settings.SECRET_KEY = "another key, long enough to be taken as well"
    assert unseal(sealed, "activation code:K2M7F5PW") is None


def test_the_database_alone_downloads_nothing(way: Way) -> None:
    delivery = way.released()
    code = activation_code(delivery)
    assert code is not None
    row = repr(Delivery.objects.filter(pk=delivery.pk).values().get())
    for secret in (code.matching_id, str(code), code.typed):
        assert secret not in row
    assert code.matching_id not in repr(code)


def test_what_is_sealed_but_no_code_is_none(way: Way) -> None:
    delivery = way.released()
    delivery.sealed_code = seal("rubbish", queries.code_label(delivery))
    assert activation_code(delivery) is None


# --- after a restore under another SECRET_KEY ---------------------------------------------------------------------


@pytest.fixture
def elsewhere(settings: Any) -> Any:
    def move() -> None:
        settings.SECRET_KEY = "the key of another installation, long enough"

    return move


def test_a_code_that_cannot_be_read_is_not_shown_and_another_profile_can_be_had(way: Way, elsewhere: Any) -> None:
    order = way.paid()
    way.look()
    delivery = Delivery.objects.get()
    elsewhere()
    assert (activation_code(again(delivery)), queries.matching_id(again(delivery))) == (None, "")
    with pytest.raises(Conflict) as refusal:
        delivery_resend(delivery=again(delivery), by=None, now=way.now)
    assert refusal.value.code == "delivery_not_ready"
    made = delivery_replace(delivery=delivery, reason="replacement", by=delivery.line.holder, now=way.now)
    way.look()
    assert (again(delivery).state, again(made).state) == ("withdrawn", "released")
    assert activation_code(again(made)) is not None
    way.tell(again(made), Point.INSTALLATION)
    way.look()
    assert states(order) == ("active", "succeeded", "withdrawn")


def test_a_profile_in_a_phone_goes_on_without_its_code(way: Way, elsewhere: Any) -> None:
    delivery = way.released()
    elsewhere()
    way.tell(delivery, Point.INSTALLATION)
    assert again(delivery).state == "installed"


def test_the_operator_is_asked_with_a_new_secret_where_the_old_one_cannot_be_read(way: Way, elsewhere: Any) -> None:
    order = way.paid()
    delivery = delivery_begin(order=order, now=way.now)
    assert delivery is not None
    before = queries.matching_id(delivery)
    elsewhere()
    way.look()
    code = activation_code(again(delivery))
    assert code is not None
    assert (code.matching_id != before, len(code.matching_id)) == (True, 23)


def test_what_was_ordered_and_not_released_is_released_with_a_new_secret(way: Way, elsewhere: Any) -> None:
    from lineaviva.kernel.errors import Temporary

    way.server.fails["release"] = [Temporary("away")]
    delivery = way.released()
    assert delivery.state == "ordered"
    elsewhere()
    way.after(minutes=1)
    code = activation_code(again(delivery))
    assert code is not None
    assert way.server.by_iccid(again(delivery).iccid).matching_id == code.matching_id != ""


def test_a_message_whose_code_cannot_be_read_is_not_sent(way: Way, elsewhere: Any, monkeypatch: Any) -> None:
    delivery = way.released()
    mail.outbox.clear()
    delivery_resend(delivery=delivery, by=None, now=way.now)
    elsewhere()
    way.look()
    assert (mails(delivery), mail.outbox) == ([("ready", "sent"), ("ready", "dropped")], [])


# --- links --------------------------------------------------------------------------------------------------------


def test_a_link_opens_one_profile_for_one_person_for_fourteen_days(way: Way) -> None:
    delivery = way.released()
    link = install_link(delivery=delivery, user=delivery.line.holder, now=way.now)
    token = link.removeprefix("/e/").removesuffix("/")
    assert f"/e/{token}/" == link
    assert install_link_read(token, way.now) == (delivery.pk, delivery.line.holder_id)
    assert install_link_read(token, way.now + timedelta(days=14, seconds=-1)) == (delivery.pk, delivery.line.holder_id)
    with pytest.raises(InvalidInput, match="14 days") as over:
        install_link_read(token, way.now + timedelta(days=14))
    assert over.value.code == "link_expired"


@pytest.mark.parametrize(
    "token",
    ["", "rubbish", "W10:abc", Signer(salt="lineaviva.reminders.renewal").sign_object([1, 2, 3])],
    ids=["empty", "rubbish", "forged", "another kind of link"],
)
def test_what_is_not_our_link_opens_nothing(token: str) -> None:
    from tests.conftest import NOON

    with pytest.raises(InvalidInput) as refusal:
        install_link_read(token, NOON)
    assert refusal.value.code == "link_invalid"


@pytest.mark.parametrize("signed", [[1, 2], "text", [1, 2, 3, 4], {"a": 1}])
def test_a_signed_thing_of_another_form_opens_nothing(signed: Any) -> None:
    from tests.conftest import NOON

    with pytest.raises(InvalidInput):
        install_link_read(Signer(salt="lineaviva.delivery.install").sign_object(signed), NOON)


def test_nothing_of_the_facts_above_changes_by_reading(way: Way) -> None:
    delivery = way.released()
    before = facts(delivery)
    profile_choice(delivery.line)
    activation_code(delivery)
    assert facts(delivery) == before
