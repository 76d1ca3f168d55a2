"""The right of a worker to act for whoever submitted its job, and for nobody else.

A worker keeps no token. For each job it signs one with the hub's own key, which it reads from the
database; the hub takes it only while that very attempt is running. For a retrain it may read what
its submitter may read; for a find it may write in the namespace that the bundle goes to.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy import select

from ticket_hub_api import errors
from ticket_hub_api.accounts.auth import principal_of
from ticket_hub_api.accounts.principals import Principal, Scope
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, Kind, State
from ticket_hub_api.store.signing import Signer
from ticket_hub_api.store.tables import Account

__all__ = ["PREFIX", "authenticate_job", "job_token", "read_job_token"]

PREFIX = "tj_"
"""Tells the token of a job from that of an account."""
PURPOSE = "job"
SECONDS = 3600


def job_token(signer: Signer, job_id: str, attempt: int) -> str:
    """A token for one attempt of a job, valid for an hour at most."""
    return PREFIX + signer.sign(PURPOSE, SECONDS, job=job_id, attempt=attempt)


def read_job_token(signer: Signer, secret: str) -> dict[str, Any]:
    """The claims of a token for a job.

    Raises:
        ApiError: 401, when it is not genuine or too old.
    """
    try:
        return signer.read(PURPOSE, secret.removeprefix(PREFIX))
    except errors.ApiError as error:
        raise errors.unauthorized("This token of a job is not valid.") from error


def authenticate_job(database: Database, claims: dict[str, Any]) -> Principal:
    """Whom a job acts for, with no more rights than the job needs.

    Raises:
        ApiError: 401, when the attempt is not running any more, or the account is locked out.
    """
    with database.read() as connection:
        row = connection.execute(
            select(Job.account_id, Job.kind, Job.repository).where(
                Job.id == claims["job"],
                # A worker that has lost its job holds a token of the attempt before, which opens
                # nothing any more.
                Job.attempt == claims["attempt"],
                Job.state == State.RUNNING,
            )
        ).first()
        if row is None:
            raise errors.unauthorized("The job of this token is not running.")
        principal = principal_of(connection, row.account_id)
        if row.kind == Kind.RETRAIN:
            return dataclasses.replace(principal, scope=Scope.READ)
        owner = row.repository.partition("/")[0].lower()
        target = connection.scalar(select(Account.id).where(Account.key == owner))
    # One namespace alone, though the submitter may write in several.
    roles = tuple(role for role in principal.roles if role[0] == target)
    return dataclasses.replace(principal, scope=Scope.WRITE, roles=roles)
