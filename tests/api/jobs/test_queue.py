"""Who may work on a job, and what becomes of it: on SQLite and PostgreSQL, with the real queue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import select

from ticket_hub_api.catalog.database import Database
from ticket_hub_api.jobs.claims import Claim, Order
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.reaping import MOST_LOSSES
from ticket_hub_api.jobs.tables import Job, JobEvent, State

NewJob = Callable[..., Job]


def look(database: Database, job: Job) -> Job:
    with database.write() as session:
        found = session.get(Job, job.id)
        assert found is not None
        return found


def kinds(database: Database, job: Job) -> list[str]:
    with database.read() as connection:
        rows = select(JobEvent.kind).where(JobEvent.job_id == job.id).order_by(JobEvent.number)
        return list(connection.scalars(rows))


def claimed(queue: JobQueue, job: Job, attempt: int = 1, worker: str = "w1") -> Claim:
    claim = queue.claim(job.id, attempt, worker)
    assert claim is not None
    return claim


def test_only_one_worker_gets_an_attempt(queue: JobQueue, new_job: NewJob) -> None:
    job = new_job()
    assert queue.claim(job.id, 1, "w1") is not None
    assert queue.claim(job.id, 1, "w2") is None
    assert queue.claim(job.id, 2, "w2") is None
    assert queue.claim("0" * 24, 1, "w2") is None


def test_a_finished_job_keeps_its_result_and_never_changes_again(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    claim = claimed(queue, job)
    assert queue.finish(claim, {"commit": "abc"})
    assert not queue.finish(claim, {"commit": "other"})
    assert not queue.fail(claim, "late", "")
    assert not queue.give_back(claim)
    assert queue.cancel(job.id) == State.FINISHED
    found = look(database, job)
    assert (found.state, found.result) == (State.FINISHED, '{"commit":"abc"}')
    assert kinds(database, job) == ["running", "finished"]


def test_who_lost_a_job_can_change_nothing(
    queue: JobQueue, impatient: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    lost = claimed(impatient, job)
    assert impatient.reap() == 1
    assert queue.heartbeat(lost, seconds=1) == Order.LOST
    assert not queue.finish(lost, {})
    second = claimed(queue, job, attempt=2, worker="w2")
    assert not queue.finish(lost, {"from": "lost"})
    assert queue.finish(second, {"from": "second"})
    assert look(database, job).result == '{"from":"second"}'


def test_a_worker_that_shows_signs_of_life_keeps_its_job(queue: JobQueue, new_job: NewJob) -> None:
    job = new_job()
    claim = claimed(queue, job)
    assert queue.heartbeat(claim, seconds=1) == Order.GO_ON
    assert queue.reap() == 0
    assert queue.finish(claim, {})


def test_a_delivery_that_went_astray_is_made_again(
    queue: JobQueue, impatient: JobQueue, new_job: NewJob
) -> None:
    job = new_job()
    assert impatient.reap() == 0  # it waits for a free worker, however long
    queue.delivery.withdraw(job.id, 1)
    assert impatient.reap() == 1
    assert queue.claim(job.id, 1, "w1") is None
    claimed(queue, job, attempt=2)


def test_a_job_that_fails_three_times_stops_and_says_why(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    for attempt in (1, 2, 3):
        assert look(database, job).state == State.QUEUED
        assert queue.fail(claimed(queue, job, attempt), "It diverged.", "Lower lr.")
    found = look(database, job)
    assert (found.state, found.failures) == (State.FAILED, 3)
    assert (found.problem, found.remedy) == ("It diverged.", "Lower lr.")
    assert kinds(database, job).count("attempt-failed") == 2


def test_what_no_attempt_could_mend_fails_at_once(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    assert queue.fail(claimed(queue, job), "No such level.", "Name another.", for_good=True)
    assert look(database, job).state == State.FAILED


def test_a_job_that_loses_worker_after_worker_ends(
    impatient: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    for attempt in range(1, MOST_LOSSES + 1):
        claimed(impatient, job, attempt)
        impatient.reap()
    found = look(database, job)
    assert found.state == State.FAILED
    assert "lost" in found.problem


def test_a_job_that_is_given_back_goes_to_another_at_once(queue: JobQueue, new_job: NewJob) -> None:
    job = new_job()
    assert queue.give_back(claimed(queue, job))
    assert queue.delivery.holders([(job.id, 2)]) == {(job.id, 2): None}
    assert queue.finish(claimed(queue, job, attempt=2, worker="w2"), {})


def test_a_waiting_job_is_cancelled_at_once(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    assert queue.cancel(job.id) == State.CANCELLED
    assert queue.claim(job.id, 1, "w1") is None
    assert queue.delivery.holders([(job.id, 1)]) == {}
    assert kinds(database, job) == ["cancelled"]


def test_a_running_job_is_stopped_by_its_worker(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    claim = claimed(queue, job)
    assert queue.cancel(job.id) == State.RUNNING
    assert queue.cancel(job.id) == State.RUNNING
    assert queue.heartbeat(claim, seconds=1) == Order.CANCEL
    assert queue.stopped(claim)
    assert look(database, job).state == State.CANCELLED
    assert kinds(database, job) == ["running", "stopping", "cancelled"]


def test_a_job_whose_worker_dies_while_it_should_stop_is_cancelled(
    queue: JobQueue, impatient: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    claimed(impatient, job)
    queue.cancel(job.id)
    assert impatient.reap() == 0
    assert look(database, job).state == State.CANCELLED


def test_used_time_counts_and_ends_a_job_when_the_quota_is_spent(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    claim = claimed(queue, job)
    assert queue.heartbeat(claim, seconds=6, quota=10) == Order.GO_ON
    assert queue.heartbeat(claim, seconds=6, quota=10) == Order.QUOTA
    assert queue.stopped(claim)
    found = look(database, job)
    assert (found.state, found.used) == (State.FAILED, 12_000_000)
    assert "share" in found.problem


@pytest.mark.parametrize("priorities", [(5, 9, 0)])
def test_the_most_urgent_is_delivered_first(
    queue: JobQueue, new_job: NewJob, priorities: tuple[int, ...]
) -> None:
    jobs = [new_job(priority=priority) for priority in priorities]
    waiting = queue.delivery.holders([(job.id, 1) for job in jobs])
    assert set(waiting.values()) == {None}


def test_progress_and_events_reach_the_row(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    claim = claimed(queue, job)
    happened = [("level", {"index": 0}), ("level", {"index": 1})]
    queue.heartbeat(claim, seconds=0, progress={"done": 0.5}, happened=happened)
    assert look(database, job).progress == '{"done":0.5}'
    assert kinds(database, job) == ["running", "level", "level"]


def test_deliveries_that_nobody_needs_are_cleared_away(queue: JobQueue, new_job: NewJob) -> None:
    waiting, running, done, lost = (new_job() for _ in range(4))
    claimed(queue, running)
    queue.finish(claimed(queue, done), {})
    queue.give_back(claimed(queue, lost))
    assert queue.prune() == 0  # all are young
    gone = {(done.id, 1), (lost.id, 1)}
    assert gone <= set(queue.delivery.offered_before(0))
    queue.prune(seconds=0)
    left = {(waiting.id, 1), (running.id, 1), (lost.id, 2)}
    assert set(queue.delivery.offered_before(0)) == left


def test_a_slot_that_waits_for_a_work_has_not_imported_pytorch() -> None:
    code = "import sys, ticket_hub_api.jobs.slot; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
