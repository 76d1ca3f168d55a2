"""`ticket measure`."""

from __future__ import annotations

from dataclasses import asdict

import click

from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.output import CommandOutput

COLUMNS = [
    Column("ticket", "TICKET"),
    Column("form", "FORM"),
    Column("parameters", "PARAMETERS", ",", right=True),
    Column("nonzero", "NOT 0", ",", right=True),
    Column("macs", "MACS", ",", right=True),
    Column("bytes", "BYTES", ",", right=True),
    Column("milliseconds", "MS", ".2f", right=True),
    Column("spread", "QUARTILES", right=True),
    Column("speed", "OF DENSE", lambda value: f"{value:.2f}x", right=True),
]


@options.command(
    "measure",
    "ticket measure digits-quick",
    "ticket measure ./bundle:3 ./bundle:6 --runs 50",
    "ticket measure alice/small-resnet --threads 2 --format json",
)
@click.argument("tickets", nargs=-1, required=True, type=options.RUN)
@click.option("--batch", type=click.IntRange(1), default=64, help="Inputs of a forward pass.")
@click.option("--runs", type=click.IntRange(20), default=20, help="Timed passes of each form.")
@click.option("--threads", type=click.IntRange(1), default=1, help="Of PyTorch.")
@click.option(
    "--trial", type=click.IntRange(0), help="Which repetition.  [default: the bundle's first]"
)
@options.import_option
@options.output_options
def command(
    tickets: tuple[str, ...],
    batch: int,
    runs: int,
    threads: int,
    trial: int | None,
    out: CommandOutput,
) -> None:
    """Measure what tickets cost: dense, masked, without dead units, as CSR, in ONNX Runtime.

    Parameters, multiplications of one input, bytes of the weights, and milliseconds of a forward
    pass of a batch on this machine's CPU: the median and quartiles of all runs, the forms in turns.
    """
    from ticket_hub.hub.cache import Cache
    from ticket_hub.report.costs import measure_ticket
    from ticket_hub.runs.locate import locate
    from ticket_hub.ticket import Ticket

    rows, told = [], dict[str, None]()
    for name in tickets:
        place = locate(name, cache=Cache())
        ticket = Ticket.load(place.bundle, level=place.level or "best", trial=trial)
        found = measure_ticket(ticket, batch=batch, runs=runs, threads=threads)
        dense = found["dense"]
        about = f"{name.partition(':')[0]}:{ticket.level}"
        told |= dict.fromkeys(found.left_out)
        told |= dict.fromkeys(f"{about}: {each}" for each in found.slower)
        rows += [
            {
                "ticket": about,
                **asdict(cost),
                "spread": f"{cost.low:.2f} to {cost.high:.2f}",
                "speed": dense.milliseconds / cost.milliseconds,
                "batch": batch,
                "runs": runs,
                "threads": threads,
                "machine": dict(found.machine),
            }
            for cost in found.costs
        ]
    out.table(rows, COLUMNS, name="ticket")
    machine = found.machine
    out.hint(
        f"{runs} runs of {batch} inputs after 3 to warm up, threads: {threads}; "
        f"{machine['device']} ({machine['cpu_capability']}), torch {machine['torch']}"
        + (f", onnxruntime {machine['onnxruntime']}." if "onnxruntime" in machine else ".")
    )
    for sentence in told:
        out.hint(sentence)
    small = [row["macs"] for row in rows if row["form"] == "small"]
    if small and all(macs == rows[0]["macs"] for macs in small):
        out.hint(
            "No unit is dead: a mask of single weights makes nothing faster by itself. Prune units "
            "(pruning.granularity = 'unit'), or export csr below a fifth of the weights."
        )
