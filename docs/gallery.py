"""Find the tickets of the gallery and pack them: `make gallery`.

The gallery is a hub in a folder, in one file: whoever unpacks it has `ticket search --hub gallery`.
A run that was stopped goes on where it was. Levels that searches under `TICKET_HOME` have trained
equally are taken over, and what claims came to with the same tickets becomes evidence.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import ticket_hub
from ticket_hub.bundle import amend_bundle, content_of, open_bundle, write_bundle
from ticket_hub.bundle.card_terms import CardTerms
from ticket_hub.bundle.reproduction_record import SMOKE
from ticket_hub.errors import EvidenceError
from ticket_hub.facade import draw_card
from ticket_hub.home import ticket_home
from ticket_hub.hub.builtin import BUILTIN, PACKAGED
from ticket_hub.transfer.evidence_of_runs import add_evidence, read_tried, record_of

MAX_BYTES = 15_000_000
MAX_BUILTIN_BYTES = 500_000
OWNER = "gallery"
WHO = "Ticket Hub"
EVERYTHING = Path(__file__).with_name("gallery.toml")


def make(name: str, wanted: dict[str, Any], out: Path, home: Path, workers: int | None) -> None:
    """Search, test beside controls, and share one entry in the folder's hub."""
    runs = out / "runs" / name
    found = ticket_hub.find(
        wanted["recipe"],
        changes=wanted.get("changes", {}),
        run_folder=runs / "search",
        shared_with=sorted(path for path in (home / "runs").glob("*") if path.is_dir()),
        on_level=lambda level: print(f"{name}: level {level.index} is done", flush=True),
        workers=workers,
    )
    if wanted.get("builtin"):
        whole = wanted | {"levels": [0, *wanted["levels"]]}
        ship(name, tested(whole, found.bundle, runs / "builtin", workers), wanted["license"])
    shared = tested(wanted, found.bundle, runs / "shared", workers)
    if wanted["levels"] != "all":
        # Survivors have no dense level: the dense network is among the controls.
        dense, shared = shared, runs / "survivors"
        shutil.rmtree(shared, ignore_errors=True)
        write_bundle(shared, content_of(open_bundle(dense)), theta0="survivors")
    add_evidence(shared, of_claims(shared, home), by=WHO)
    ticket_hub.push_bundle(shared, f"{OWNER}/{name}", hub=out / "hub", license=wanted["license"])


def tested(wanted: dict[str, Any], bundle: Path, runs: Path, workers: int | None) -> Path:
    """A bundle with levels of a search, and the evidence of its tickets beside controls."""
    chosen = runs / "bundle"
    if not (chosen / "ticket.json").is_file():
        content = content_of(open_bundle(bundle))
        some = content if wanted["levels"] == "all" else content.only(*wanted["levels"])
        write_bundle(chosen, some, model=False)
    evidence = []
    for place, asked in enumerate(wanted.get("retrain", [])):
        done = ticket_hub.retrain(
            f"{chosen}:{asked['levels']}",
            against=asked["against"],
            dataset=asked.get("dataset"),
            run_folder=runs / f"retrain-{place}",
            workers=workers,
        )
        words = [f"level {each.level} is {each.verdict.word}" for each in done.levels]
        print(f"{wanted['recipe']} on {done.spec.data_name}: {', '.join(words)}", flush=True)
        evidence.append(done.run)
    add_evidence(chosen, evidence, by=WHO)
    draw_card(chosen, print)
    return chosen


def of_claims(bundle: Path, home: Path) -> list[Path]:
    """What claims under a `TICKET_HOME` came to with these tickets, and their experiments."""
    mine = open_bundle(bundle).manifest.id
    found = []
    for place in sorted(home.glob("reproductions/*/reproduction.json")):
        tried = read_tried(place)
        if tried.outcome != SMOKE and mine in {each.bundle for each in tried.tickets.values()}:
            found.append(place)
    for place in sorted(home.glob("runs/retrain-*")):
        try:
            record = record_of(place, by=WHO)
        except EvidenceError:  # one that is still going on
            continue
        if record.tickets.bundle == mine:
            found.append(place)
    return found


def ship(name: str, bundle: Path, licence: str) -> None:
    """Put a bundle where `builtin:NAME` finds it."""
    amend_bundle(bundle, terms=CardTerms(repo=f"{BUILTIN}{name}", license=licence))
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    if size > MAX_BUILTIN_BYTES:
        raise SystemExit(f"{name} has {size} bytes, which is more than {MAX_BUILTIN_BYTES}.")
    shutil.rmtree(PACKAGED / name, ignore_errors=True)
    shutil.copytree(bundle, PACKAGED / name)
    print(f"{BUILTIN}{name}: {size} bytes", flush=True)


def main() -> None:
    """Make what was asked for, and the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="by default all")
    parser.add_argument("--out", type=Path, default=Path("build/gallery"))
    parser.add_argument("--entries", type=Path, default=EVERYTHING, help="by default gallery.toml")
    parser.add_argument(
        "--home",
        type=Path,
        default=ticket_home(),
        help="whose searches and claims to take; read only",
    )
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    known = tomllib.loads(asked.entries.read_text("utf-8"))
    for name in asked.names or known:
        make(name, known[name], asked.out, asked.home, asked.workers)
    packed = asked.out / "ticket-gallery.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(asked.out / "hub", "gallery")
    size = packed.stat().st_size
    print(f"{packed}: {size} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"The gallery is to have at most {MAX_BYTES} bytes.")


if __name__ == "__main__":
    main()
