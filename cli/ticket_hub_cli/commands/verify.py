"""`ticket verify`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ticket_hub.table import Column
from ticket_hub_cli import options, output
from ticket_hub_cli.named_types import RUN
from ticket_hub_cli.output import CommandOutput, percent

if TYPE_CHECKING:
    from ticket_hub.signing.model_signature import ModelSignature

COLUMNS = [
    Column("what", "WHAT"),
    Column("checks", "CHECKS", right=True),
    Column("hold", "HOLD", right=True),
]


REPLAYED = [
    Column("level", "LEVEL", right=True),
    Column("trial", "TRIAL", right=True),
    Column("claimed", "CLAIMED", percent, right=True),
    Column("found", "HERE", percent, right=True),
    Column("claimed_stop", "EARLY STOP", ",", right=True),
    Column("found_stop", "HERE", ",", right=True),
    Column("identical", "SAME BITS", lambda value: "yes" if value else "no"),
]


@options.command(
    "verify",
    "ticket verify digits-quick",
    "ticket verify ./bundle --format json",
    "ticket verify ann/lenet --signer ann",
    "ticket verify digits-quick:7 --replay",
    "ticket verify ann/lenet:d0.036 --replay --trials 2 --hub https://tickets.example.org",
    "ticket verify ann/lenet --replay --push",
)
@click.argument("ticket", type=RUN)
@click.option("--partial", is_flag=True, help="Files that were not pulled are no failure.")
@click.option(
    "--signer",
    metavar="NAME|KEY",
    help="Demand that this trusted key, or this file of a public key, has signed the bundle.",
)
@click.option("--replay", is_flag=True, help="Train the level and the dense network again.")
@click.option("--trials", type=click.IntRange(1), help="Replay only the first so many.")
@click.option(
    "--push",
    "share",
    is_flag=True,
    help="Add what the replay found to OWNER/NAME, for others to see.",
)
@click.option(
    "--to", "repo", metavar="OWNER/NAME", help="Where to.  [default: where the ticket is from]"
)
@click.option("--by", default="", help="Who replayed it.  [default: your account, or your name]")
@options.key_option
@options.margin_option
@options.alpha_option
@options.hub_option
@click.option(
    "--out",
    "run_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the replay.  [default: in TICKET_HOME, named by the bundle]",
)
@options.resource_options()
@options.import_option
@options.output_options
def command(
    ticket: str,
    partial: bool,
    signer: str | None,
    replay: bool,
    share: bool,
    out: CommandOutput,
    **given: Any,  # noqa: ANN401 - the options of a replay
) -> int:
    """Check every byte and every claim of a bundle.

    Digests, densities, masks nested from level to level, survivors equal to theta0, evidence and
    verdicts equal to what the curves say. Of a ticket that was pulled, OWNER/NAME, what was not
    pulled is no failure. A level is for --replay alone. Ends with exit code 10 where something does
    not hold.

    A signature is checked against the keys of `ticket trust`. Ends with exit code 23 where it is of
    other bytes, or where --signer names somebody who has not signed.

    With --replay the tickets of one level, and the dense network, are then trained again as their
    search did; OWNER/NAME is pulled. Ends with exit code 21 where the claimed accuracies did not
    come out. The same command again goes on where it was stopped. --push then adds a record
    of it to the tickets' repository, as a pull request on the public Hub, signed if you have a key.
    """
    if not replay:
        options.refuse_typed(
            "--replay", "trials", "margin", "alpha", "hub", "run_folder",
            "data_dir", "device", "workers",
        )  # fmt: skip
    if not share:
        options.refuse_typed("--push", "repo", "by", "key")
    target = _target(ticket, given, share=share, replay=replay)
    place, partial = _place(ticket, partial, given["hub"] if replay else None, replay)
    if signer is not None:
        from ticket_hub.errors import SignatureError
        from ticket_hub.signing.model_signature import check_signature
        from ticket_hub.signing.trust import find_signers

        keys = find_signers(signer)
        found = check_signature(place, keys, partial=partial)
        if found is None:
            raise SignatureError(
                f"{place} is not signed.", "Ask its author to sign it: `ticket push --sign`."
            )
        if not found.signer:
            (wanted,) = keys.values()
            raise SignatureError(
                f"{place} is signed with the key {found.key_id[:16]}, not with {signer}'s "
                f"({wanted.id[:16]}).",
                "Do not take it for theirs.",
            )
    code = _check(place, partial, out, alone=not replay)
    return code if code or not replay else _replay(ticket, out, given, target)


def _target(ticket: str, given: dict[str, Any], *, share: bool, replay: bool) -> dict[str, Any]:
    """Where and how a replay is shared, all of which must be known before hours of training."""
    from ticket_hub.home import keys_folder
    from ticket_hub.hub.address import is_repo, split_level
    from ticket_hub.signing.keys import find_key

    repo, by, key = given.pop("repo"), given.pop("by"), given.pop("key")
    if not share:
        return {}
    if not replay:
        raise click.UsageError("--push shares a replay: give --replay, too.")
    named, hub = split_level(ticket)[0].partition("@")[0], given["hub"]
    repo = repo or named
    if not is_repo(repo) or Path(repo).exists():
        raise click.UsageError("--push needs to know where to: give --to OWNER/NAME.")
    signs = bool(key) or any(keys_folder().glob("*.pem"))
    if signs:
        find_key(key)
    return {"repo": repo, "by": by, "key": key if signs else None, "hub": hub}


def _place(ticket: str, partial: bool, hub: str | None, replay: bool) -> tuple[Path, bool]:
    if replay:
        from ticket_hub.transfer.source import open_place

        source, _ = open_place(ticket, hub)
        return source.bundle.path, partial or bool(source.pulled)
    from ticket_hub.runs.locate import locate_whole

    found = locate_whole(ticket)
    return found.bundle, partial or found.pulled


def _check(place: Path, partial: bool, out: CommandOutput, *, alone: bool) -> int:
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.bundle.verify_report import OTHER_FILES
    from ticket_hub.errors import BundleError
    from ticket_hub_cli.exit_codes import EXIT_CODES

    report = verify_bundle(place, partial=partial)
    checks = [
        {"name": each.name, "holds": each.holds, "problem": each.problem} for each in report.checks
    ]
    signed = _signature(place, partial) if report.holds else None
    if report.holds and not alone and out.form != "human":
        return 0  # the replay that follows is the result
    if out.form == "json":
        out.json(
            {
                "bundle": place,
                "holds": report.holds,
                "checks": checks,
                "unchecked": report.unchecked,
                "notes": report.notes,
                "signature": None if signed is None else dataclasses.asdict(signed),
            }
        )
    elif out.form == "quiet":
        for each in report.failures:
            out.text(each.name)
    else:
        out.table(_by_kind(checks), COLUMNS, name="what")
        for reason in report.unchecked:
            out.tell(f"not checked: {reason}")
        for each in report.failures:
            out.tell(f"{each.name}: {each.problem}")
    if report.passed_over:
        out.hint(f"Passed over, of systems and not of the bundle: {', '.join(report.passed_over)}.")
    if report.holds:
        out.hint(f"All {len(checks)} checks of {place} hold.")
        if signed is not None:
            out.hint(f"It is {signed.sentence}.")
        return 0
    output.error(
        f"{len(report.failures)} of {len(checks)} checks of {place} do not hold.",
        "Remove what is not of the bundle."
        if [check.name for check in report.failures] == [OTHER_FILES]
        else "Fetch the bundle again, or ask its author to write it again.",
    )
    return EXIT_CODES[BundleError]


def _signature(place: Path, partial: bool) -> ModelSignature | None:
    from ticket_hub.bundle.layout import SIGNATURE
    from ticket_hub.signing.model_signature import check_signature
    from ticket_hub.signing.trust import known_keys

    if not (place / SIGNATURE).exists():
        return None  # and no need of cryptography
    return check_signature(place, known_keys(), partial=partial)


def _replay(ticket: str, out: CommandOutput, given: dict[str, Any], target: dict[str, Any]) -> int:
    from ticket_hub.errors import NotReproducedError
    from ticket_hub.runs import stop_on_signals
    from ticket_hub.transfer.replay import replay_bundle
    from ticket_hub_cli.exit_codes import EXIT_CODES

    with stop_on_signals() as should_stop:
        resources = given.pop("resources")
        report = replay_bundle(ticket, should_stop=should_stop, **resources, **given)
    rows = [
        {"level": level.level} | dataclasses.asdict(trial)
        for level in report.levels
        for trial in level.trials
    ]
    if out.form == "json":
        table = dataclasses.asdict(report)
        out.json(table | {"outcome": report.outcome, "holds": report.holds})
    elif out.form == "quiet":
        out.text(report.outcome)
    else:
        out.table(rows, REPLAYED, name="trial")
        for level in report.levels:
            out.tell(
                f"level {level.level}: {level.outcome}; mean {percent(level.found)} of "
                f"{len(level.trials)} of {level.claimed_trials} tickets, one for each trial, "
                f"claimed {percent(level.claimed)}; elsewhere {percent(level.low)} to "
                f"{percent(level.high)} would count as reproduced"
            )
        out.tell(report.outcome)
    note = report.rule.coarse_note(report.test_examples)
    if note and report.outcome != "bit-identical":
        out.hint(note)
    for difference in report.differences:
        out.hint(f"Another environment: {difference}.")
    if target:
        from ticket_hub.transfer.replay_sharing import push_replay

        pushed = push_replay(report, **target)
        signed = "not signed" if target["key"] is None else "signed with your key"
        out.hint(f"Shared with {pushed.repo}, {signed}: {pushed.url}")
    return 0 if report.holds else EXIT_CODES[NotReproducedError]


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
    if name.startswith("recipe's "):
        return "recipe and tickets agree"
    return name if " " in name or "." not in name else "files: size and digest"
