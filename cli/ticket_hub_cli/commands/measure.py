"""`ticket measure`."""

from __future__ import annotations

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, command_line


@options.command(
    "measure",
    "ticket measure digits-quick",
    "ticket measure ./bundle:3 ./bundle:6 --runs 50",
    "ticket measure ./bundle:6 --keep",
    "ticket measure alice/small-resnet --threads 2 --format json",
)
@click.argument("tickets", nargs=-1, required=True, type=RUN)
@click.option("--batch", type=click.IntRange(1), default=64, help="Inputs of a forward pass.")
@click.option("--runs", type=click.IntRange(20), default=20, help="Timed passes of each form.")
@click.option("--threads", type=click.IntRange(1), default=1, help="Of PyTorch.")
@click.option(
    "--trial", type=click.IntRange(0), help="Which repetition.  [default: the bundle's first]"
)
@click.option("--keep", is_flag=True, help="Write it into the bundles, beside what is there.")
@options.import_option
@options.output_options
def command(
    tickets: tuple[str, ...],
    batch: int,
    runs: int,
    threads: int,
    trial: int | None,
    keep: bool,
    out: CommandOutput,
) -> None:
    """Measure what tickets cost: dense, masked, without dead units, as CSR, in ONNX Runtime.

    Parameters, multiplications of one input, bytes of the weights, and milliseconds of a forward
    pass of a batch on this machine's CPU: the median and quartiles of all runs, the forms in turns.
    --keep adds what was measured to the evidence of the bundles, with this machine: cards, pages
    and searches show it, and a push carries it.
    """
    from ticket_hub.bundle.card_costs import FORM_COLUMNS, form_rows
    from ticket_hub.hub.cache import Cache
    from ticket_hub.report.costs import measure_ticket
    from ticket_hub.runs.locate import locate
    from ticket_hub.table import Column
    from ticket_hub.ticket import Ticket
    from ticket_hub.transfer.evidence_of_runs import add_costs, demand_own

    places = [locate(name, cache=Cache()) for name in tickets]
    if keep:
        for place in places:
            demand_own(place.bundle)  # before anything is measured
    rows, told, idle = [], dict[str, None](), []
    for name, place in zip(tickets, places, strict=True):
        ticket = Ticket.load(place.bundle, level=place.level or "best", trial=trial)
        found = measure_ticket(ticket, batch=batch, runs=runs, threads=threads)
        about = f"{name.partition(':')[0]}:{ticket.level}"
        told |= dict.fromkeys(found.left_out)
        told |= dict.fromkeys(f"{about}: {each}" for each in found.slower)
        forms = form_rows(found)
        rows += [{"ticket": about, **row} for row in forms]
        macs = {row["form"]: row["macs"] for row in forms}
        idle.append(ticket.density < 1 and macs.get("small") == macs["dense"])
        if keep:
            record = found.record(
                level=ticket.level, trial=ticket.trial, ticket=ticket.provenance["ticket"]
            )
            add_costs(place.bundle, [record])
    out.table(rows, [Column("ticket", "TICKET"), *FORM_COLUMNS], name="ticket")
    out.hint(f"{runs} runs of {batch} inputs after 3 to warm up; {found.where}.")
    for sentence in told:
        out.hint(sentence)
    if all(idle):
        out.hint(
            "No unit is dead: a mask of single weights makes nothing faster by itself. Prune units "
            "(pruning.granularity = 'unit'), or export csr below a fifth of the weights."
        )
    if keep:
        look = command_line("ticket", "show", tickets[0].partition(":")[0])
        out.hint(f"It is kept with the tickets: {look}.")
