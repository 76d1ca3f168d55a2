"""`ticket import`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from ticket_hub_cli import options
from ticket_hub_cli.assignments import settings
from ticket_hub_cli.named_types import IMPORTER, RECIPE
from ticket_hub_cli.output import CommandOutput, command_line

FILE = click.Path(path_type=Path, dir_okay=False)


def _shape(
    _ctx: click.Context, _param: click.Parameter, text: str | None
) -> tuple[int, int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not CHANNELSxHEIGHTxWIDTH, such as 3x32x32.")
    return (int(found[1]), int(found[2]), int(found[3]))


@options.command(
    "import",
    "ticket import ~/open_lth_data/lottery_93bc65d6 --out resnet20",
    "ticket import mnist_fc_data/trial1 --from google --out lenet",
    "ticket import pruned.pth --recipe lenet-mnist --out lenet",
    "ticket import theta0.pth --mask mask.pth --network vgg-16 --input-shape 3x32x32 --classes 10"
    " --out vgg",
)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="New folder for the bundle.",
)
@click.option("--from", "system", type=IMPORTER, help="The system.  [default: found out]")
@click.option("--recipe", type=RECIPE, help="How the tickets were found, if you know.")
@click.option("--network", help="The network, where the source does not say.")
@click.option(
    "--network-option",
    "network_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of the network, such as width=4; again for another.",
)
@click.option(
    "--input-shape", callback=_shape, metavar="CxHxW", help="Of one image, with --network."
)
@click.option("--classes", type=click.IntRange(1), help="Number of classes, with --network.")
@click.option(
    "--mask", "masks", type=FILE, multiple=True, help="File of a mask; again for the next level."
)
@click.option("--theta0", type=FILE, help="File of dense starting weights, if the source has none.")
@click.option("--start", type=click.IntRange(0), help="The iteration that theta0 is of.")
@options.import_option
@options.output_options
def command(
    source: Path,
    folder: Path,
    system: str | None,
    out: CommandOutput,
    **given: Any,  # noqa: ANN401 - as click hands them
) -> None:
    """Bring tickets of another system into a bundle.

    Result folders of open_lth, Google's numpy trees, checkpoints of VITA, state dicts with the
    names of torch.nn.utils.prune, or a file of starting weights with files of masks. Nothing in
    them is executed, values are kept exactly, and what they do not say is marked as unknown.
    """
    from ticket_hub.interop.importers import import_tickets

    named = settings(given.pop("network_options"), param="--network-option")
    manifest = import_tickets(source, folder, form=system, network_options=named, **given)
    facts = {
        "bundle": folder,
        "from": manifest.lineage[0].kind,
        "network": manifest.architecture.name,
        "recipe": manifest.recipe.name,
        "trials": len(manifest.trials),
        "levels": [level.index for level in manifest.levels],
        "densest": f"d{manifest.levels[0].density:.4g}",
        "sparsest": f"d{manifest.levels[-1].density:.4g}",
    }
    notes = [origin.source for origin in manifest.lineage[1:]]
    out.record(facts if out.form != "json" else facts | {"notes": notes}, name="bundle")
    for note in notes:
        out.hint(note)
    check, look = (command_line("ticket", name, folder) for name in ("verify", "show"))
    out.hint(f"Check it with {check}, look at it with {look}.")
