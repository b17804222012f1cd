from __future__ import annotations

from datetime import timedelta

import pytest

from lineaviva.kernel.errors import (
    AdapterError,
    Conflict,
    InvalidInput,
    LineavivaError,
    NeedsPerson,
    NotAllowed,
    NotFound,
    Permanent,
    Temporary,
    Unknown,
)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (LineavivaError, "error", 400),
        (InvalidInput, "invalid_input", 400),
        (NotFound, "not_found", 404),
        (NotAllowed, "not_allowed", 403),
        (Conflict, "conflict", 409),
    ],
)
def test_a_refusal_has_a_code_and_a_status(kind: type[LineavivaError], code: str, status: int) -> None:
    plain = kind("No.")
    assert (plain.code, plain.status, plain.message, plain.field, str(plain)) == (code, status, "No.", None, "No.")
    own = kind("No.", code="line_known", field="msisdn", status=422)
    assert (own.code, own.status, own.field) == ("line_known", 422, "msisdn")


def test_the_four_things_that_can_happen_outside() -> None:
    temporary = Temporary("busy", timedelta(seconds=5))
    assert (temporary.reason, temporary.retry_after) == ("busy", timedelta(seconds=5))
    assert Temporary("busy").retry_after is None
    assert (Permanent("no").reason, Permanent("no").code, Permanent("no", "declined").code) == (
        "no",
        "refused",
        "declined",
    )
    assert NeedsPerson("call them").what == "call them"
    assert (Unknown("LV-1").reference, str(Unknown("LV-1"))) == ("LV-1", "LV-1: the answer was lost")
    assert all(issubclass(kind, AdapterError) for kind in (Temporary, Permanent, NeedsPerson, Unknown))
    assert not issubclass(AdapterError, LineavivaError)
