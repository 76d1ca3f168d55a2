"""The forms that submit jobs: from fields to the request that the REST API takes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ticket_hub_api.jobs.requests import FindIn, JobIn, RetrainIn

__all__ = ["FIND", "KEY", "RETRAIN", "first_values", "read_job"]

FIND, RETRAIN = "find", "retrain"
KEY = "key"
_NUMBERS = ("trials", "levels", "iterations", "seed", "patience")
_TEXTS = {FIND: ("recipe", "repository"), RETRAIN: ("ticket", "dataset", "head")}
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
    for name in (*_TEXTS.get(kind, ()), *_NUMBERS):
        if text := fields.get(name, "").strip():
            table[name] = text
    if kind == RETRAIN:
        table["against"] = [name for name in controls if fields.get(f"against-{name}")]
        table.pop("levels", None)
    else:
        table.pop("patience", None)
        if fields.get("private"):
            table["private"] = True
    try:
        return _REQUEST.validate_python(table), {}
    except ValidationError as error:
        return None, {
            str(item["loc"][1] if len(item["loc"]) > 1 else "kind"): str(item["msg"])
            for item in error.errors()
        }
