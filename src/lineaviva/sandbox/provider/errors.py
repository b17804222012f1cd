"""Refusals of the API, as the real one words and numbers them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    def __init__(self, message: str, *, status: int = 400, kind: str = "invalid_request_error", **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"type": kind, "message": message, **more}}


def missing(what: str, name: str) -> ApiError:
    return ApiError(f"No such {what}: '{name}'", status=404, code="resource_missing", param="id")


def param_missing(name: str) -> ApiError:
    return ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def param_unknown(name: str) -> ApiError:
    return ApiError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def param_wrong(name: str, why: str, code: str = "parameter_invalid") -> ApiError:
    return ApiError(f"Invalid {name}: {why}", code=code, param=name)


def bad_key() -> ApiError:
    return ApiError("Invalid API Key provided.", status=401)


def key_reused() -> ApiError:
    message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
    return ApiError(message, kind="idempotency_error")


def broken() -> ApiError:
    return ApiError("An unknown error occurred", status=503, kind="api_error")
