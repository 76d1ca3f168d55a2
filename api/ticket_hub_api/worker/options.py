"""How a slot of a worker works."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a slot works; plain values, so that they travel as JSON.

    Attributes:
        database: the hub's, as SQLAlchemy takes it.
        endpoint: the hub's address.
        jobs_folder: a folder for each job.
        data_dir: where the data sets lie.
        engine: `local`, `ray` or `slurm`. engine_options: of a cluster's engine.
        slot: its name, unique on the machine.
        cuda: which GPU it may use; empty for none.
        workers: training processes of a work on a CPU.
        device: as in `ticket_hub.find`.
        quota_seconds: what an account may use where nothing else is said.
        lease_seconds: see `JobQueue`.
        checkpoint_seconds: between two checkpoints.
        log_level: of its JSON lines on standard error.
    """

    database: str
    endpoint: str
    jobs_folder: str
    data_dir: str
    engine: str = "local"
    engine_options: dict[str, str] = dataclasses.field(default_factory=dict)
    slot: str = "cpu-0"
    cuda: str = ""
    workers: int = 1
    device: str | None = None
    quota_seconds: int = 0
    lease_seconds: float = 30.0
    checkpoint_seconds: float = 60.0
    log_level: str = "info"
