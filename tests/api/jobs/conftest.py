from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from ticket_hub_api.accounts import accounts
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, JobEvent

Queues = Callable[[float], JobQueue]


@pytest.fixture(scope="module")
def database(new_database: Database) -> Database:
    """The database of a new hub with one account, `ada`, of either kind."""
    accounts.add_user(new_database, "ada")
    return new_database


@pytest.fixture
def queues(database: Database) -> Iterator[Queues]:
    """Makes queues on one database, without jobs, that differ in the length of the lease."""
    yield lambda lease: JobQueue(database, lease_seconds=lease)
    with database.write() as session:
        session.execute(delete(JobEvent))
        session.execute(delete(Job))


@pytest.fixture
def queue(queues: Queues) -> JobQueue:
    return queues(3600)


@pytest.fixture
def impatient(queues: Queues) -> JobQueue:
    """A queue whose leases are over at once, as if a long time had passed."""
    return queues(0)


@pytest.fixture
def new_job(database: Database, queue: JobQueue) -> Callable[..., Job]:
    """Adds a job of ada's, which `queue` empties again."""

    def make(**fields: object) -> Job:
        with database.write() as session:
            account = accounts.find_account(session, "ada").id
            values = {"kind": "find", "title": "a find", "spec": json.dumps({"request": {}})}
            job = Job(account_id=account, **(values | fields))
            session.add(job)
        return job

    return make
