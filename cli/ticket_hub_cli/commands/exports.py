"""`ticket export`."""

from __future__ import annotations

from pathlib import Path

import click

from ticket_hub_cli import options
from ticket_hub_cli.named_types import EXPORTER, RUN
from ticket_hub_cli.output import CommandOutput, percent


@options.command(
    "export",
    "ticket export digits-quick --to safetensors --out ticket.safetensors",
    "ticket export ./bundle:d0.036 --to onnx --out ticket.onnx",
    "ticket export ./bundle:7 --trial 2 --to csr --out layers",
)
@click.argument("ticket", type=RUN)
@click.option("--to", "kind", type=EXPORTER, required=True, help="The form to write.")
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="File, or with csr a folder.",
)
@click.option(
    "--trial", type=click.IntRange(0), help="Which repetition.  [default: the bundle's first]"
)
@options.import_option
@options.output_options
def command(ticket: str, kind: str, path: Path, trial: int | None, out: CommandOutput) -> None:
    """Write a ticket in the form of another library.

    Weights are theta0, which is not trained: a state dict of theta0 * mask, the mask, the names of
    torch.nn.utils.prune, an ONNX network for inference, or sparse matrices of scipy.
    """
    from ticket_hub.hub.cache import Cache
    from ticket_hub.interop.exporters import EXPORTERS, export_ticket
    from ticket_hub.runs.locate import locate
    from ticket_hub.ticket import Ticket

    place = locate(ticket, cache=Cache())
    found = Ticket.load(place.bundle, level=place.level or "best", trial=trial)
    files = export_ticket(found, kind, path)
    facts = {
        "out": path,
        "form": kind,
        "level": found.level,
        "trial": found.trial,
        "density": percent(found.density) if out.form == "human" else found.density,
        "id": found.id,
        "files": [str(file) for file in files],
    }
    out.record(facts, name="out")
    if advice := EXPORTERS[kind].advice:
        out.hint(advice)
