"""Find the tickets of the gallery and pack them: `make gallery`.

The gallery is a hub in a folder, in one file: whoever unpacks it has `ticket search --hub gallery`.
A run that was stopped goes on where it was. Levels that searches under `TICKET_HOME` have trained
equally are taken over, and what claims came to with the same tickets becomes evidence. What the
gallery holds is written into docs/gallery.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import ticket_hub
from ticket_hub.bundle import amend_bundle, content_of, open_bundle, write_bundle
from ticket_hub.bundle.card_experiments import experiments_section, reproductions_section
from ticket_hub.bundle.card_origin import origin_section
from ticket_hub.bundle.card_terms import CardTerms
from ticket_hub.bundle.ladder_table import ladder_table
from ticket_hub.bundle.manifest import Theta0
from ticket_hub.bundle.reproduction_record import SMOKE
from ticket_hub.errors import EvidenceError
from ticket_hub.facade import draw_card
from ticket_hub.home import ticket_home
from ticket_hub.hub.builtin import BUILTIN, PACKAGED
from ticket_hub.runs.file_names import REPRODUCTION as TRIED
from ticket_hub.table import Column, Table
from ticket_hub.transfer.evidence_of_runs import add_evidence, read_tried, record_of

MAX_BYTES = 15_000_000
MAX_BUILTIN_BYTES = 500_000
OWNER = "gallery"
WHO = "Ticket Hub"
EVERYTHING = Path(__file__).with_name("gallery.toml")
PAGE = Path(__file__).with_name("gallery.md")
MADE = "<!-- Below: written by docs/gallery.py from the tickets themselves. -->\n"


def make(
    name: str, wanted: dict[str, Any], out: Path, homes: list[Path], workers: int | None
) -> None:
    """Search, or take a run that was made elsewhere, test beside controls, and share one entry."""
    runs = out / "runs" / name
    if "run" in wanted:
        places = [home / wanted["run"] / "bundle" for home in homes]
        bundle = next((place for place in places if place.is_dir()), places[0])
        if not bundle.is_dir():
            print(f"{name} is passed over: {bundle} is not here, see --home", flush=True)
            return
    else:
        found = ticket_hub.find(
            wanted["recipe"],
            changes=wanted.get("changes", {}),
            run_folder=runs / "search",
            shared_with=[path.parent for home in homes for path in home.glob("runs/*/run.json")],
            on_level=lambda level: print(f"{name}: level {level.index} is done", flush=True),
            workers=workers,
        )
        bundle = found.bundle
    if wanted.get("builtin"):
        whole = wanted | {"levels": [0, *wanted["levels"]]}
        ship(name, tested(whole, bundle, runs / "builtin", workers), wanted["license"])
    # The whole search keeps its id with dense theta0 only. Survivors have no dense level: the dense
    # network is among the controls.
    theta0: Theta0 = "dense" if wanted["levels"] == "all" else "survivors"
    dense, shared = tested(wanted, bundle, runs / "shared", workers), runs / "packed"
    shutil.rmtree(shared, ignore_errors=True)
    write_bundle(shared, content_of(open_bundle(dense)), theta0=theta0, model=False)
    add_evidence(shared, of_claims(shared, homes, bundle.parents[1]), by=WHO)
    draw_card(shared, print)
    ticket_hub.push_bundle(shared, f"{OWNER}/{name}", hub=out / "hub", license=wanted["license"])


def tested(wanted: dict[str, Any], bundle: Path, runs: Path, workers: int | None) -> Path:
    """A bundle with levels of a search, and the evidence of its tickets beside controls."""
    chosen, others = runs / "bundle", runs.parents[1]
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
            own=others / asked["own"] / "shared/bundle" if "own" in asked else None,
            changes=asked.get("changes", {}),
            run_folder=runs / f"retrain-{place}",
            workers=workers,
        )
        words = [f"level {each.level} is {each.verdict.word}" for each in done.levels]
        print(f"{bundle} on {done.spec.data_name}: {', '.join(words)}", flush=True)
        evidence.append(done.run)
    add_evidence(chosen, evidence, by=WHO)
    draw_card(chosen, print)
    return chosen


def of_claims(bundle: Path, homes: list[Path], beside: Path) -> list[Path]:
    """What claims came to with these tickets, and the experiments of claims, or in a folder."""
    mine = open_bundle(bundle).manifest.id
    found = []
    for place in sorted(path for home in homes for path in home.glob(f"reproductions/*/{TRIED}")):
        tried = read_tried(place)
        if tried.outcome != SMOKE and mine in {each.bundle for each in tried.tickets.values()}:
            found.append(place)
    trained = {path for home in homes for path in home.glob("runs/retrain-*")}
    for place in sorted(trained | set(beside.iterdir())):
        try:
            record = record_of(place, by=WHO)
        except EvidenceError:  # none, or one that is still going on
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


def page(known: dict[str, Any], out: Path) -> str:
    """A row and a part for each entry: what is in it, and how to have and replay it."""
    rows, parts = [], []
    for name, wanted in known.items():
        folder = out / "runs" / name / "packed"
        if not folder.is_dir():  # its heading is there for the links to it
            packaged = f"It comes with the package: `ticket pull {BUILTIN}{name}`."
            absent = "Not in the file that this page was written from."
            parts += [f"## {name}", packaged if wanted.get("builtin") else absent]
            continue
        bundle = open_bundle(folder)
        manifest = bundle.manifest
        tried = bundle.reproductions()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        replay = f"ticket verify {OWNER}/{name}:{bundle.levels[-1].index} --hub gallery --replay"
        rows.append(
            [
                f"[{name}](#{name})",
                manifest.architecture.name,
                manifest.data.name,
                f"{len(manifest.trials)}",
                f"{bundle.levels[-1].density:.2%}",
                ", ".join(dict.fromkeys(each.spec.data_name for each in bundle.experiments())),
                ", ".join(each.label.removeprefix("claim ") for each in tried),
                f"{size / 1e6:.2f}",
            ]
        )
        parts += [
            f"## {name}",
            "\n".join(["```sh", f"ticket pull {OWNER}/{name} --hub gallery", replay, "```"]),
            ladder_table(bundle.levels, manifest.metric).markdown(),
            *experiments_section(bundle.experiments())[2:],
            *reproductions_section(tried)[2:],
            "\n".join(re.findall(r"^- .*", origin_section(manifest), re.MULTILINE)),
        ]
    titles = "entry", "network", "data", "trials", "sparsest", "retrained on", "claims", "MB"
    return "\n\n".join([Table([Column(each) for each in titles], rows).markdown(), *parts])


def main() -> None:
    """Make what was asked for, the file, and the page of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="by default all")
    parser.add_argument("--out", type=Path, default=Path("build/gallery"))
    parser.add_argument("--entries", type=Path, default=EVERYTHING, help="by default gallery.toml")
    parser.add_argument(
        "--home", type=Path, action="append", help="a TICKET_HOME with searches, claims and runs"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="by default gallery.md")
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    known = tomllib.loads(asked.entries.read_text("utf-8"))
    for name in asked.names or known:
        make(name, known[name], asked.out, asked.home or [ticket_home()], asked.workers)
    packed = asked.out / "ticket-gallery.tar.xz"
    # The widest window: trials that begin with the same pretrained weights share them.
    with tarfile.open(packed, "w:xz", preset=9) as archive:
        archive.add(asked.out / "hub", "gallery")
    size = packed.stat().st_size
    print(f"{packed}: {size} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"The gallery is to have at most {MAX_BYTES} bytes.")
    text = asked.page.read_text("utf-8").partition(MADE)[0]
    asked.page.write_text(f"{text}{MADE}\n{page(known, asked.out)}", "utf-8")


if __name__ == "__main__":
    main()
