"""What a worker may do for a job: no more than the job needs, and only while it runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.errors import ApiError
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.tokens import authenticate_job, job_token, read_job_token
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job
from ticket_hub_api.store.signing import Signer

NewJob = Callable[..., Job]
SIGNER = Signer(b"k" * 32)


def claims(job: Job, attempt: int = 1) -> dict[str, object]:
    return read_job_token(SIGNER, job_token(SIGNER, job.id, attempt))


def test_a_token_holds_only_while_its_attempt_runs(
    database: Database, queue: JobQueue, new_job: NewJob
) -> None:
    job = new_job(repository="ada/found")
    with pytest.raises(ApiError, match="not running"):
        authenticate_job(database, claims(job))
    lease = queue.claim("w1")
    assert lease is not None
    assert authenticate_job(database, claims(job)).name == "ada"
    with pytest.raises(ApiError, match="not running"):
        authenticate_job(database, claims(job, attempt=2))
    queue.finish(lease, {})
    with pytest.raises(ApiError, match="not running"):
        authenticate_job(database, claims(job))


def test_a_find_writes_in_its_own_namespace_and_a_retrain_nowhere(
    database: Database, queue: JobQueue, new_job: NewJob
) -> None:
    found, elsewhere = new_job(repository="ada/found"), new_job(repository="lab/found")
    retrained = new_job(kind="retrain", repository="lab/ticket@abc:1")
    for _ in (found, elsewhere, retrained):
        assert queue.claim("w1") is not None
    mine = authenticate_job(database, claims(found))
    assert mine.may_write_in(mine.account_id)
    assert not mine.may_write_in("somebody-else")
    assert not authenticate_job(database, claims(elsewhere)).may_write_in(mine.account_id)
    assert authenticate_job(database, claims(retrained)).scope == Scope.READ


def test_a_token_that_another_key_has_signed_is_refused(new_job: NewJob) -> None:
    forged = job_token(Signer(b"x" * 32), new_job().id, 1)
    with pytest.raises(ApiError) as refused:
        read_job_token(SIGNER, forged)
    assert refused.value.status == 401
