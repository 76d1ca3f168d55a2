"""The forms that submit jobs: from fields to the request that the REST API takes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ticket_hub_api.jobs.requests import FindIn, JobIn, RetrainIn

__all__ = ["FIND", "KEY", "RETRAIN", "first_values", "read_job"]

FIND, RETRAIN = "find", "retrain"
KEY = "key"
"""Of a form, so that one that is sent twice makes one job."""
_FIELDS = {
    FIND: ("recipe", "repository", "levels", "trials", "iterations", "evaluate_every", "seed"),
    RETRAIN: (
        "ticket", "dataset", "head", "reinits", "patience", "trials", "iterations",
        "evaluate_every", "seed",
    ),
}  # fmt: skip
_SHAPES = {
    "ticket": "must be owner/name, where wanted with @revision, and with :7, :3,7, :d0.2, :best "
    "or :all for levels",
    "repository": "must be owner/name, of letters, digits, '.', '_' and '-'",
}
_PROBLEMS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "missing": "is missing",
    "too_short": "needs at least one",
}
_REQUEST: TypeAdapter[FindIn | RetrainIn] = TypeAdapter(JobIn)


def first_values(kind: str, ticket: str) -> dict[str, str]:
    """What a form shows before anybody filled it in. Its key makes one job of a double click."""
    values = {"kind": kind, KEY: secrets.token_urlsafe(18), "trials": "3", "ticket": ticket}
    return values | {"against-reinit": "on", "against-dense": "on"}


def read_job(
    fields: Mapping[str, str], controls: tuple[str, ...]
) -> tuple[FindIn | RetrainIn | None, dict[str, str]]:
    """The request that a form means, or for each field that is wrong why."""
    kind = fields.get("kind", "")
    table: dict[str, Any] = {"kind": kind}
    for name in _FIELDS.get(kind, ()):
        if text := fields.get(name, "").strip():
            table[name] = text
    if kind == RETRAIN:
        table["against"] = [name for name in controls if fields.get(f"against-{name}")]
    elif fields.get("private"):
        table["private"] = True
    try:
        return _REQUEST.validate_python(table), {}
    except ValidationError as error:
        return None, dict(_problem(item) for item in error.errors())


def _problem(item: ErrorDetails) -> tuple[str, str]:
    """The field that is wrong, and why in plain words."""
    name = str(item["loc"][1] if len(item["loc"]) > 1 else "kind")
    if item["type"] in {"string_pattern_mismatch", "string_too_long"} and name in _SHAPES:
        return name, _SHAPES[name]
    words = _PROBLEMS.get(item["type"])
    return name, words.format(**item.get("ctx", {})) if words else str(item["msg"])
