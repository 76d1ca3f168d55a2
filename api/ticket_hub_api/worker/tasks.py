"""What a find and a retrain are to a worker: work for an engine, and what is done with it."""

from __future__ import annotations

import dataclasses
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from ticket_hub.durable import canonical_json
from ticket_hub.errors import TicketHubError
from ticket_hub.recipe.spec import level_count
from ticket_hub.runs.file_names import EVIDENCE
from ticket_hub_api.accounts.auth import principal_of
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.catalog.evidence_store import receive_evidence
from ticket_hub_api.errors import ApiError
from ticket_hub_api.jobs.leases import Lease
from ticket_hub_api.jobs.planning import TRIALS
from ticket_hub_api.jobs.requests import changes_of
from ticket_hub_api.store.job_tables import Job, Kind

if TYPE_CHECKING:
    from ticket_hub.engines.base import Work
    from ticket_hub.transfer.terms import Terms

__all__ = ["FindTask", "JobTask", "RetrainTask", "Workplace", "task_of"]

_log = logging.getLogger("ticket_hub_api.jobs")


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where a worker works.

    Attributes:
        jobs_folder: a folder for each job; workers that share it go on where another was lost.
        data_dir: where the data sets lie.
        endpoint: the hub's address.
        token: makes the token of a lease.
        device: as in `ticket_hub.find`.
        checkpoint_seconds: between two checkpoints.
    """

    jobs_folder: Path
    data_dir: Path
    endpoint: str
    token: Callable[[Lease], str]
    device: str | None = None
    checkpoint_seconds: float = 60.0


@dataclass
class JobTask(ABC):
    """One job as a worker sees it."""

    lease: Lease
    place: Workplace

    @property
    def folder(self) -> Path:
        """Everything about the job on disk."""
        return self.place.jobs_folder / self.lease.job_id

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for."""
        return dict(self.lease.spec["request"])

    @property
    @abstractmethod
    def total(self) -> int:
        """How many levels or networks there will be, at most."""

    @abstractmethod
    def prepare(self) -> Work:
        """Fetch what the work needs and say what it is.

        Raises:
            HubError, BundleError: it cannot be fetched.
        """

    @abstractmethod
    def deliver(self, result: dict[str, Any]) -> dict[str, Any]:
        """Hand over what came of it; the job's result.

        Raises:
            HubError: it cannot be pushed.
        """

    def also(self, session: Session, job: Job) -> None:  # noqa: B027 - a search writes nothing more
        """Write what belongs into the same transaction as the job's end."""

    def _resources(self) -> dict[str, Any]:
        return {
            "run_folder": str(self.folder / "run"),
            "data_dir": str(self.place.data_dir),
            "device": self.place.device,
            "checkpoint_seconds": self.place.checkpoint_seconds,
        }


class FindTask(JobTask):
    """A search whose bundle is pushed."""

    @property
    def total(self) -> int:
        """Levels, the dense one included where it is trained."""
        recipe = self.lease.spec["recipe"]
        return level_count(recipe["pruning"], recipe["search"])

    def prepare(self) -> Work:
        """The search, whose recipe came with the job."""
        from ticket_hub.engines.base import Find, Work
        from ticket_hub.recipe import Recipe

        find = Find(recipe=Recipe.from_table(self.lease.spec["recipe"]))
        return Work(find=find, **self._resources())

    def deliver(self, result: dict[str, Any]) -> dict[str, Any]:
        """Push the bundle; where it lies, and what its levels came to.

        Raises:
            HubError: it cannot be pushed.
        """
        from ticket_hub.facade import draw_card
        from ticket_hub.transfer.sharing import push_bundle

        bundle = self.folder / "run" / "bundle"
        draw_card(bundle, _log.warning)
        pushed = push_bundle(
            bundle,
            self.lease.repository,
            hub=self.place.endpoint,
            token=self.place.token(self.lease),
            private=self.request.get("private"),
        )
        return {
            "repository": pushed.repo,
            "commit": pushed.commit,
            "recipe": result["recipe"],
            "ending": result["ending"],
            "levels": result["levels"],
        }


class RetrainTask(JobTask):
    """An experiment whose evidence goes to the catalog."""

    @property
    def total(self) -> int:
        """Networks."""
        from ticket_hub.transfer.planning import request_for

        levels = self.lease.spec["ticket"].rpartition(":")[2].split(",")
        asked = request_for(tuple(range(len(levels))), self._terms)
        return sum(map(len, asked.groups()))

    @property
    def _terms(self) -> Terms:
        from ticket_hub.transfer.terms import Terms

        request = self.request
        return Terms(
            against=request["against"],
            trials=request["trials"] or TRIALS,
            reinits=request.get("reinits", 1),  # of jobs from before, there was one draw
            changes=changes_of(request),
            head=request["head"],
            seed=request["seed"],
        )

    def prepare(self) -> Work:
        """Fetch the ticket and plan its retraining.

        Raises:
            HubError, BundleError: it cannot be fetched.
        """
        from ticket_hub.engines.base import Retrain, Work
        from ticket_hub.hub.front import pull_bundle
        from ticket_hub.transfer.planning import plan

        address, _, levels = self.lease.spec["ticket"].rpartition(":")
        pulled = pull_bundle(
            f"{address}:all",
            hub=self.place.endpoint,
            token=self.place.token(self.lease),
            cache_dir=self.folder / "cache",
        )
        place = f"{pulled.folder}:{levels}"
        wanted = plan(place, self._terms, dataset=self.request["dataset"])
        retrain = Retrain(
            bundle=str(pulled.folder),
            bundle_id=wanted.source.id,
            pulled=f"{pulled.repo}@{pulled.commit}",
            spec=wanted.spec,
            request=wanted.request,
        )
        return Work(retrain=retrain, **self._resources())

    def deliver(self, result: dict[str, Any]) -> dict[str, Any]:
        """The evidence, which `also` enters into the catalog."""
        evidence = json.loads((self.folder / "run" / EVIDENCE).read_bytes())
        return {
            "ticket": self.lease.spec["ticket"],
            "levels": result["levels"],
            "evidence": evidence,
        }

    def also(self, session: Session, job: Job) -> None:
        """Enter the evidence among the experiments, as its submitter would.

        Where that is refused, such as when the ticket was replaced meanwhile, the job is finished
        all the same: its result has the evidence, and says why it is not shown with the ticket.
        """
        result = json.loads(job.result)
        repository = self.lease.spec["ticket"].partition("@")[0]
        try:
            account = principal_of(session.connection(), job.account_id)
            sender = dataclasses.replace(account, scope=Scope.WRITE)
            with session.begin_nested():
                entered, _ = receive_evidence(session, sender, repository, result["evidence"])
            result["experiment"] = entered.id
        except (TicketHubError, ApiError) as error:
            result["experiment"], result["not_entered"] = None, str(error)
        job.result = canonical_json(result).decode()


def task_of(lease: Lease, place: Workplace) -> JobTask:
    """The task of a lease."""
    return (FindTask if lease.kind == Kind.FIND else RetrainTask)(lease, place)
