"""`ticket worker`."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from ticket_hub.errors import HubError
from ticket_hub.project import install_extra
from ticket_hub_cli import options
from ticket_hub_cli.hub_options import hub_options, settings_from
from ticket_hub_cli.named_types import ENGINE

__all__ = ["command"]


@options.command(
    "worker",
    "ticket worker --slots 2",
    "ticket worker --database postgresql://hub@db/hub --hub https://tickets.example.org",
    "ticket worker --jobs-folder /mnt/jobs --data-dir /mnt/data",
    "ticket worker --engine slurm --slots 8 --jobs-folder /mnt/jobs",
)
@click.option(
    "--hub",
    "endpoint",
    metavar="URL",
    default="http://127.0.0.1:8765",
    show_default=True,
    help="Address of the hub's service, where tickets are pulled and pushed.",
)
@click.option(
    "--slots",
    type=click.IntRange(1, 256),
    help="Jobs at a time.  [default: one for each GPU, or without one, for each core]",
)
@click.option(
    "--engine",
    type=ENGINE,
    default="local",
    show_default=True,
    help="Who does the work: this machine, or a cluster.",
)
@click.option(
    "--engine-option",
    "engine_options",
    metavar="KEY=VALUE",
    multiple=True,
    help="An option of the cluster's engine, such as cluster=local for slurm; see docs/engines.md.",
)
@click.option(
    "--jobs-folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the jobs. Workers that share it go on where another was lost.  "
    "[default: in TICKET_HOME]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets.  [default: TICKET_DATA]",
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What to train on.")
@click.option(
    "--lease",
    type=click.FloatRange(2, 3600),
    default=30.0,
    show_default=True,
    help="Seconds without a sign of life until another worker takes a job over; the same for all.",
)
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(0.1, 86400),
    default=60.0,
    show_default=True,
    help="The most work that a crash can cost.",
)
@options.import_option
@hub_options
def command(
    endpoint: str,
    slots: int | None,
    engine: str,
    engine_options: tuple[str, ...],
    jobs_folder: Path | None,
    data_dir: Path | None,
    device: str | None,
    lease: float,
    checkpoint_seconds: float,
    **where: str,
) -> None:
    """Carry out the jobs of a hub: the finds and retrains that people submit to it.

    It needs the hub's database and the address of its service, and no token. SIGTERM or Ctrl-C
    lets running jobs keep a checkpoint and gives them back, so that another worker goes on at
    once. Start as many workers as you like, on any machines.
    """
    settings = settings_from(where)
    try:
        working = importlib.import_module("ticket_hub_api.working")
    except ImportError as error:
        raise HubError(
            f"A worker needs a package that is not installed: {error.name}.",
            f"Install it with `{install_extra('serve')}`.",
        ) from error
    working.work(
        settings,
        endpoint=endpoint,
        slots=slots,
        engine=engine,
        engine_options={key: value for key, _, value in (o.partition("=") for o in engine_options)},
        jobs_folder=jobs_folder,
        data_dir=data_dir,
        device=device,
        lease_seconds=lease,
        checkpoint_seconds=checkpoint_seconds,
        announce=lambda text: click.echo(text, err=True),
    )
