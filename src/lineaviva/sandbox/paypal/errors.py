"""Refusals of PayPal's APIs, as the published descriptions name and word them."""

from __future__ import annotations

from typing import Any

_NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: ("AUTHENTICATION_FAILURE", "Authentication failed due to missing authorization header, or invalid"
          " authentication credentials."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    422: ("UNPROCESSABLE_ENTITY", "The requested action could not be performed, semantically incorrect, or failed"
          " business validation."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
}  # fmt: skip
_LINK = {"href": "https://developer.paypal.com/api/rest/responses/", "rel": "information_link", "method": "GET"}


class PayPalError(Exception):
    """`kept`: a refusal that is the answer to its key from now on, as an order's declined capture is."""

    def __init__(self, status: int, issue: str = "", *, field: str = "", kept: bool = False) -> None:
        super().__init__(issue)
        name, message = _NAMES[status]
        self.status, self.kept = status, kept
        self.body: dict[str, Any] = {"name": name, "message": message, "debug_id": "5a9d00d0pretend", "links": [_LINK]}
        if issue:
            self.body["details"] = [{"issue": issue, **({"field": field} if field else {})}]


def missing(field: str) -> PayPalError:
    return PayPalError(400, "MISSING_REQUIRED_PARAMETER", field=field)


def wrong(field: str) -> PayPalError:
    return PayPalError(400, "INVALID_PARAMETER_VALUE", field=field)


def unknown() -> PayPalError:
    return PayPalError(404, "INVALID_RESOURCE_ID")


def wrong_name() -> PayPalError:
    return PayPalError(400, "INVALID_RESOURCE_ID")


def impossible(issue: str, *, kept: bool = False) -> PayPalError:
    return PayPalError(422, issue, kept=kept)


def broken() -> dict[str, Any]:
    return PayPalError(500).body
