"""`ticket verify`."""

from __future__ import annotations

from typing import Any

import click

from ticket_hub_cli import options, output
from ticket_hub_cli.output import Column, Output

COLUMNS = [
    Column("what", "WHAT"),
    Column("checks", "CHECKS", right=True),
    Column("hold", "HOLD", right=True),
]


@options.command(
    "verify",
    "ticket verify digits-quick",
    "ticket verify ./bundle",
    "ticket verify ./bundle --format json",
)
@click.argument("ticket", type=options.RUN)
@click.option("--partial", is_flag=True, help="Files that were not pulled are no failure.")
@options.output_options
def command(ticket: str, partial: bool, out: Output) -> int:
    """Check every byte and every claim of a bundle.

    Digests, densities, masks nested from level to level, survivors equal to theta0, evidence and
    verdicts equal to what the curves say. Of a ticket that was pulled, OWNER/NAME, what was not
    pulled is no failure. Ends with exit code 10 where something does not hold.
    """
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.errors import BundleError
    from ticket_hub.hub.cache import Cache
    from ticket_hub.search.locate import locate
    from ticket_hub_cli.exit_codes import EXIT_CODES

    found = locate(ticket, cache=Cache())
    place = found.bundle
    report = verify_bundle(place, partial=partial or found.pulled)
    checks = [
        {"name": each.name, "holds": each.holds, "problem": each.problem} for each in report.checks
    ]
    if out.form == "json":
        out.json({"bundle": place, "holds": report.holds, "checks": checks})
    elif out.form == "human":
        out.table(_by_kind(checks), COLUMNS, name="what")
        for each in report.failures:
            out.text(f"{each.name}: {each.problem}")
    else:
        for each in report.failures:
            out.text(each.name)
    if report.holds:
        out.hint(f"All {len(checks)} checks of {place} hold.")
        return 0
    output.error(
        f"{len(report.failures)} of {len(checks)} checks of {place} do not hold.",
        "Fetch the bundle again, or ask its author to write it again.",
    )
    return EXIT_CODES[BundleError]


def _by_kind(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: dict[str, list[bool]] = {}
    for check in checks:
        counts.setdefault(_kind(check["name"]), []).append(check["holds"])
    return [
        {"what": kind, "checks": len(holds), "hold": sum(holds)} for kind, holds in counts.items()
    ]


def _kind(name: str) -> str:
    if name.startswith("ticket of "):
        return "tickets: id, density, survivors of each layer"
    if name.startswith("nesting of "):
        return "masks nested from level to level"
    return name if " " in name or "." not in name else "files: size and digest"
