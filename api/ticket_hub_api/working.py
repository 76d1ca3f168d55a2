"""Starting a worker from the command line, with plain values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ticket_hub import home
from ticket_hub.errors import HubError
from ticket_hub_api.observing.logs import configure_logging
from ticket_hub_api.operation import open_hub
from ticket_hub_api.settings import Settings
from ticket_hub_api.worker.options import Options
from ticket_hub_api.worker.worker import Worker

__all__ = ["slot_options", "work"]


def work(
    settings: Settings,
    *,
    announce: Callable[[str], None],
    slots: int | None = None,
    engine: str = "local",
    engine_options: dict[str, str] | None = None,
    endpoint: str,
    jobs_folder: Path | None = None,
    data_dir: Path | None = None,
    device: str | None = None,
    lease_seconds: float = 30.0,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Carry out jobs until told to stop.

    Args:
        announce: is told once what the worker does.
        slots, engine, endpoint, ...: as `Options` and `ticket worker --help` say.

    Raises:
        HubError: there is no hub's database, or the address is none.
    """
    with open_hub(settings):
        pass  # it is there, and of this version
    if not endpoint.startswith(("http://", "https://")):
        raise HubError(f"{endpoint!r} is no address of a hub.", "Give http:// or https://.")
    folder = home.expanded(jobs_folder or home.ticket_home() / "jobs").absolute()
    base = Options(
        database=settings.database_url,
        endpoint=endpoint.rstrip("/"),
        jobs_folder=str(folder),
        data_dir=str(home.expanded(data_dir or home.data_folder()).absolute()),
        engine=engine,
        engine_options=engine_options or {},
        device=device,
        quota_seconds=settings.job_quota_seconds,
        lease_seconds=lease_seconds,
        checkpoint_seconds=checkpoint_seconds,
        log_level=settings.log_level,
    )
    configure_logging(settings.log_level)
    chosen = slot_options(base, slots)
    announce(f"Carrying out jobs of {endpoint} in {len(chosen)} slots; jobs lie in {folder}.")
    Worker(chosen).run()


def slot_options(base: Options, count: int | None) -> list[Options]:
    """The options of every slot: GPUs where there are some, else a share of the cores each.

    Args:
        count: so many slots; None for one for each GPU, or for each core.
    """
    from dataclasses import replace

    from ticket_hub.engines.slots import cpu_slots, gpu_slots, machine_slots

    if base.engine != "local":
        return [replace(base, slot=f"{base.engine}-{index}") for index in range(count or 1)]
    gpus = () if base.device == "cpu" else gpu_slots()
    found = (gpus[:count] if gpus else cpu_slots(count)) if count else machine_slots()
    return [replace(base, slot=each.name, cuda=each.cuda, workers=each.workers) for each in found]
