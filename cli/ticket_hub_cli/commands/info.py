"""`ticket info`."""

from __future__ import annotations

import dataclasses

import click

from ticket_hub_cli import options
from ticket_hub_cli.bundle_tables import (
    LEVELS,
    claim_lines,
    experiment_rows,
    experiment_table,
    level_row,
)
from ticket_hub_cli.output import CommandOutput, command_line, passed_over


@options.command(
    "info",
    "ticket info ann/lenet",
    "ticket info ann/lenet@v1 --hub /mnt/lab/tickets",
    "ticket info ann/lenet --format json",
)
@click.argument("address", metavar="OWNER/NAME[@REVISION]")
@options.hub_option
@options.output_options
def command(address: str, hub: str | None, out: CommandOutput) -> None:
    """Describe a ticket on a hub before anything of it is pulled."""
    from ticket_hub.bundle.unknown import unknown_parts
    from ticket_hub.hub.front import info_bundle

    found = info_bundle(address, hub=hub, report=passed_over)
    manifest, default = found.manifest, found.default
    size = sum(record.size for record in manifest.files.values())
    facts = {
        "ticket": found.snapshot.repo,
        "commit": found.snapshot.commit,
        "tags": list(found.tags),
        "id": manifest.id,
        "network": manifest.architecture.name,
        "data": manifest.data.name,
        "recipe": manifest.recipe.name,
        "trials": len(manifest.trials),
        "default": f"level {default.level} ({default.rule})",
        "size": f"{size / 1e6:.1f} MB",
    }
    unknown = unknown_parts(manifest)
    experiments = experiment_rows(found.experiments)
    claims = [each.line for each in found.reproductions]
    levels = [level_row(each) for each in manifest.levels]
    if out.form == "human":
        noted = {"not known": ", ".join(unknown)} if unknown else {}
        noted |= {"replays": found.replays.sentence} if found.replays.others else {}
        out.record(facts | noted, name="ticket")
        out.text("")
        out.table(levels, LEVELS, name="level")
        experiment_table(experiments, out)
        claim_lines(claims, out)
        pull = command_line("ticket", "pull", found.snapshot.repo, hub=hub)
        out.hint(f"Fetch it with {pull}.")
    else:
        tables = {"tags": dict(found.tags), "levels": levels, "experiments": experiments}
        tables |= {"claims": claims}
        tables |= {"unknown": list(unknown), "replays": dataclasses.asdict(found.replays)}
        out.record(facts | tables, name="commit")
