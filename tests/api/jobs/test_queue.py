"""Who may work on a job, and what becomes of it: on SQLite and PostgreSQL, with the real queue."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from ticket_hub_api.jobs.leases import Command, Lease, WorkerEvent
from ticket_hub_api.jobs.queue import MAX_LOSSES, JobQueue
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, JobEvent, State
from ticket_hub_api.store.tables import new_id
from ticket_hub_api.worker.options import Options
from ticket_hub_api.worker.slot import SlotProcess

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


def claimed(queue: JobQueue, job: Job, attempt: int = 1, worker: str = "w1") -> Lease:
    lease = queue.claim(worker)
    assert lease is not None
    assert (lease.job_id, lease.attempt, lease.worker_id) == (job.id, attempt, worker)
    return lease


def test_only_one_worker_gets_an_attempt(queue: JobQueue, new_job: NewJob) -> None:
    assert queue.claim("w1") is None
    claimed(queue, new_job())
    assert queue.claim("w2") is None


def test_each_of_many_workers_at_once_gets_another_job(queue: JobQueue, new_job: NewJob) -> None:
    jobs = [new_job().id for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(queue.claim, [f"w{number}" for number in range(8)]))
    assert sorted(lease.job_id for lease in claims if lease) == sorted(jobs)


def test_a_finished_job_keeps_its_result_and_never_changes_again(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    lease = claimed(queue, job)
    assert queue.finish(lease, {"commit": "abc"})
    assert not queue.finish(lease, {"commit": "other"})
    assert not queue.fail(lease, "late", "")
    assert not queue.give_back(lease)
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
    assert queue.heartbeat(lost, seconds=1) == Command.LOST
    assert not queue.finish(lost, {})
    second = claimed(queue, job, attempt=2, worker="w2")
    assert not queue.finish(lost, {"from": "lost"})
    assert queue.finish(second, {"from": "second"})
    assert look(database, job).result == '{"from":"second"}'


def test_a_worker_that_shows_signs_of_life_keeps_its_job(queue: JobQueue, new_job: NewJob) -> None:
    job = new_job()
    lease = claimed(queue, job)
    assert queue.heartbeat(lease, seconds=1) == Command.GO_ON
    assert queue.reap() == 0
    assert queue.finish(lease, {})


def test_a_job_waits_for_a_free_worker_however_long(
    queue: JobQueue, impatient: JobQueue, new_job: NewJob
) -> None:
    job = new_job()
    assert impatient.reap() == 0
    claimed(queue, job)


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
    for attempt in range(1, MAX_LOSSES + 1):
        claimed(impatient, job, attempt)
        impatient.reap()
    found = look(database, job)
    assert found.state == State.FAILED
    assert "lost" in found.problem


def test_a_job_that_is_given_back_goes_to_another_at_once(queue: JobQueue, new_job: NewJob) -> None:
    job = new_job()
    assert queue.give_back(claimed(queue, job))
    assert queue.finish(claimed(queue, job, attempt=2, worker="w2"), {})


def test_a_waiting_job_is_cancelled_at_once(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    assert queue.cancel(job.id) == State.CANCELLED
    assert queue.claim("w1") is None
    assert kinds(database, job) == ["cancelled"]


def test_a_running_job_is_stopped_by_its_worker(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    lease = claimed(queue, job)
    assert queue.cancel(job.id) == State.RUNNING
    assert queue.cancel(job.id) == State.RUNNING
    assert queue.heartbeat(lease, seconds=1) == Command.CANCEL
    assert queue.stopped(lease)
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
    lease = claimed(queue, job)
    assert queue.heartbeat(lease, seconds=6, quota=10) == Command.GO_ON
    assert queue.heartbeat(lease, seconds=6, quota=10) == Command.QUOTA
    assert queue.stopped(lease)
    found = look(database, job)
    assert (found.state, found.used) == (State.FAILED, 12_000_000)
    assert "share" in found.problem


def test_the_most_urgent_comes_first_and_then_who_submitted_first(
    queue: JobQueue, new_job: NewJob
) -> None:
    usual, urgent, later, idle = (new_job(priority=priority) for priority in (5, 9, 5, 0))
    for job in (urgent, usual, later, idle):
        claimed(queue, job)


@pytest.mark.parametrize("interruption", ["a killed worker", "a stopped worker", "a failure"])
def test_a_job_keeps_its_place_when_it_is_interrupted(
    queue: JobQueue, impatient: JobQueue, new_job: NewJob, interruption: str
) -> None:
    first, second = new_job(), new_job()
    if interruption == "a killed worker":
        claimed(impatient, first)
        assert impatient.reap() == 1
    elif interruption == "a stopped worker":
        assert queue.give_back(claimed(queue, first))
    else:
        assert queue.fail(claimed(queue, first), "It diverged.", "Lower lr.")
    more_urgent = new_job(priority=6)
    claimed(queue, more_urgent, worker="w2")
    claimed(queue, first, attempt=2, worker="w2")
    claimed(queue, second, worker="w2")


def test_progress_and_events_reach_the_row(
    queue: JobQueue, new_job: NewJob, database: Database
) -> None:
    job = new_job()
    lease = claimed(queue, job)
    happened: list[WorkerEvent] = [("level", {"index": 0}), ("level", {"index": 1})]
    queue.heartbeat(lease, seconds=0, progress={"done": 0.5}, happened=happened)
    assert look(database, job).progress == '{"done":0.5}'
    assert kinds(database, job) == ["running", "level", "level"]


def test_a_slot_that_waits_for_a_work_has_not_imported_pytorch() -> None:
    code = "import sys, ticket_hub_api.worker.slot; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_worker_removes_folders_of_jobs_that_have_ended_and_nothing_of_anybody_else(
    database: Database, new_job: NewJob, tmp_path: Path
) -> None:
    ended, running = (
        new_job(state=State.FINISHED, finished_at=1).id,
        new_job(state=State.RUNNING).id,
    )
    of_another_hub, forgotten, own = new_id(), new_id(), "my-most-important-folder"
    assert len(own) == len(ended)
    for name in (ended, running, of_another_hub, forgotten, own):
        (tmp_path / name / "work").mkdir(parents=True)
    for name in (of_another_hub, forgotten, own):
        (tmp_path / name / "work/progress.jsonl").touch()
        os.utime(tmp_path / name, (1, 1))
    os.utime(tmp_path / forgotten / "work/progress.jsonl", (1, 1))
    url = database.url if database.is_sqlite else str(database.url)
    slot = SlotProcess(
        Options(database=url, endpoint="http://x", jobs_folder=str(tmp_path), data_dir="")
    )
    slot._sweep()
    slot.database.close()
    assert {path.name for path in tmp_path.iterdir()} == {running, of_another_hub, own}
