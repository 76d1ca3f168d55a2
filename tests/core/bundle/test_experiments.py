"""Evidence that is added to a bundle: its own files, its own table, and nothing believed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.bundle_forging import forge_file, forge_manifest, refused
from tests.helpers.experiments import evidence_table, with_curves
from ticket_hub.bundle import (
    ExperimentRecord,
    amend_bundle,
    content_of,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.metrics import thinned
from ticket_hub.bundle.record_reading import encode_record, read_record
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError
from ticket_hub.training import Curves

Table = dict[str, Any]


def record(bundle: Path, *, level: int = 2, seed: int = 0, who: str = "Ada") -> ExperimentRecord:
    return read_record(evidence_table(bundle, level=level, seed=seed, who=who))


def tensors(bundle: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in bundle.rglob("*.safetensors")}


def test_evidence_changes_neither_ids_nor_tensors_and_has_a_file_of_its_own(bundle: Path) -> None:
    before, there = open_bundle(bundle).manifest, tensors(bundle)
    after = amend_bundle(bundle, experiments=[record(bundle)])
    (name,) = after.experiments
    assert (after.id, after.levels) == (before.id, before.levels)
    assert {n for n, each in after.files.items() if before.files.get(n) != each} == {
        "README.md",
        name,
    }
    data = (bundle / name).read_bytes()
    assert name == f"evidence/{hashlib.sha256(data).hexdigest()}.json"
    assert tensors(bundle) == there
    assert verify_bundle(bundle).holds
    assert open_bundle(bundle).experiments() == (record(bundle),)


def test_evidence_that_was_changed_is_named_when_it_takes_the_place_of_what_it_was(
    bundle: Path,
) -> None:
    table = evidence_table(bundle)
    amend_bundle(bundle, experiments=[read_record(table)])
    amend_bundle(bundle, experiments=[read_record(table)])  # the same again is no matter
    table["levels"][0]["networks"]["ticket"]["trials"][0]["test_accuracy"] = 0.99
    with pytest.warns(UserWarning, match="Ada takes the place .* trial 0 is 0.99, not 0.9"):
        amend_bundle(bundle, experiments=[read_record(table)])
    elsewhere = table | {"environment": {"device": "other"}}
    elsewhere["levels"][0]["networks"]["ticket"]["trials"][0]["test_accuracy"] = 0.98
    assert len(amend_bundle(bundle, experiments=[read_record(elsewhere)]).experiments) == 2


def test_the_card_shows_who_says_what_on_which_machine_under_a_heading_of_its_own(
    bundle: Path,
) -> None:
    own = (bundle / "README.md").read_text("utf-8")
    made = record(bundle).marked(who="Ada *L*", when="2026-01-31T12:00:00Z")
    amend_bundle(bundle, experiments=[made])
    card = (bundle / "README.md").read_text("utf-8")
    section = card.split("## Evidence from other experiments\n")[1].split("\n## ")[0]
    assert "| digits | 2 | ticket | 50.00 | 2 tickets | 90.50 " in section
    assert "| digits | 2 | reinit | 50.00 | 2 tickets | 80.50 " in section
    assert "+10.00" in section
    assert "by Ada \\*L\\*, on device Abacus, torch 2.13.0, 2026-01-31 12:00:00Z" in section
    assert card.split("\n---\n")[0] == own.split("\n---\n")[0]  # what hubs read


def test_a_control_that_nobody_has_registered_here_is_judged_and_shown_by_its_name(
    bundle: Path,
) -> None:
    table = evidence_table(bundle, level=2, seed=0, who="Ada")
    networks = table["levels"][0]["networks"]
    networks["their-own"] = networks.pop("reinit")
    amend_bundle(bundle, experiments=[read_record(table)])
    assert verify_bundle(bundle).holds
    (made,) = open_bundle(bundle).experiments()
    (verdict,) = made.verdicts().values()
    (found,) = [each for each in verdict.comparisons if each.control == "their-own"]
    assert found.difference.mean == pytest.approx(0.1)
    assert "| digits | 2 | their-own | 50.00 |" in (bundle / "README.md").read_text("utf-8")


def test_a_record_takes_the_place_of_those_that_say_no_more_and_of_no_other(bundle: Path) -> None:
    first = record(bundle, level=1)
    (level,) = first.levels
    fewer = {name: each for name, each in level.networks.items() if name != "reinit"}
    narrow = dataclasses.replace(first, levels=(dataclasses.replace(level, networks=fewer),))
    others = [record(bundle, seed=1), record(bundle, who="Bob"), record(bundle, level=2)]
    amend_bundle(bundle, experiments=[narrow, *others])
    amend_bundle(bundle, experiments=[first, narrow])
    found = open_bundle(bundle).experiments()
    assert len(found) == len(list((bundle / "evidence").iterdir())) == 4
    assert first in found
    assert narrow not in found
    assert all(each in found for each in others)
    assert verify_bundle(bundle).holds


def test_content_of_a_bundle_has_its_evidence_and_other_tickets_have_not(
    bundle: Path, tmp_path: Path
) -> None:
    amended = amend_bundle(bundle, experiments=[record(bundle)])
    content = content_of(open_bundle(bundle))
    assert write_bundle(tmp_path / "again", content) == amended
    assert not write_bundle(tmp_path / "again", content.only(0, 1)).experiments
    assert verify_bundle(tmp_path / "again").holds


def test_evidence_about_another_bundle_or_other_tickets_is_refused(bundle: Path) -> None:
    before = (bundle / "ticket.json").read_bytes()
    foreign = evidence_table(bundle)
    foreign["tickets"]["bundle"] = "1" * 64
    with pytest.raises(EvidenceError, match="not about"):
        amend_bundle(bundle, experiments=[read_record(foreign)])
    foreign = evidence_table(bundle)
    foreign["levels"][0]["networks"]["ticket"]["trials"][0]["ticket"] = "1" * 64
    with pytest.raises(EvidenceError, match="not in the bundle"):
        amend_bundle(bundle, experiments=[record(bundle), read_record(foreign)])
    assert (bundle / "ticket.json").read_bytes() == before
    assert not (bundle / "evidence").exists()


def test_more_evidence_than_a_bundle_takes_is_refused_by_writer_and_reader(bundle: Path) -> None:
    records = [record(bundle, seed=seed) for seed in range(33)]
    with pytest.raises(EvidenceError, match="too many"):
        amend_bundle(bundle, experiments=records)
    amend_bundle(bundle, experiments=records[:-1])
    with refused(bundle):
        forge_evidence(bundle, encode_record(records[-1]))


def forge_evidence(bundle: Path, data: bytes) -> None:
    forge_file(bundle, f"evidence/{hashlib.sha256(data).hexdigest()}.json", data)


def altered(change: Callable[[Table], object]) -> Callable[[Table], bytes]:
    def alter(table: Table) -> bytes:
        change(table)
        return canonical_json(table) + b"\n"

    return alter


def trial(table: Table) -> Table:
    found: Table = table["levels"][0]["networks"]["ticket"]["trials"][0]
    return found


HOSTILE: dict[str, Callable[[Table], bytes]] = {
    "another spelling": lambda table: json.dumps(table, indent=1).encode(),
    "no newline": canonical_json,
    "a key of its own": altered(lambda table: table.update(more=1)),
    "a computed mean": altered(lambda table: table["levels"][0].update(density=1.0)),
    "no format": altered(lambda table: table.pop("format")),
    "format of another kind": altered(lambda table: table.update(format=True)),
    "an accuracy above 1": altered(lambda table: trial(table).update(test_accuracy=1.5)),
    "more kept than there is": altered(lambda table: trial(table).update(kept=101)),
    "no weights": altered(lambda table: trial(table).update(kept=0, prunable=0)),
    "an endless number": altered(lambda table: trial(table).update(early_stop=10**30)),
    "a foreign ticket": altered(lambda table: trial(table).update(ticket="1" * 64)),
    "a foreign bundle": altered(lambda table: table["tickets"].update(bundle="1" * 64)),
    "a false digest": altered(lambda table: table["experiment"].update(digest="1" * 64)),
    "a level twice": altered(lambda table: table["levels"].append(table["levels"][0])),
    "no level": altered(lambda table: table.update(levels=[])),
    "a false time": altered(lambda table: table.update(when="<now>")),
    "a name of several lines": altered(lambda table: table.update(who="Ada\n\n# Bob")),
    "a name without an end": altered(lambda table: table.update(who="A" * 300)),
    "a key twice": lambda table: canonical_json(table)[:-1] + b',"who":"Bob"}\n',
    "NaN": lambda table: canonical_json(table).replace(b"0.9", b"NaN", 1) + b"\n",
    "an escape": lambda table: canonical_json(table).replace(b"Ada", b"\\u001b") + b"\n",
    "depth": lambda _: b"[" * 100_000,
    "nothing": lambda _: b"",
    "more than 1 MiB": lambda table: canonical_json(table) + b" " * (1 << 20),
}


def test_what_the_hostile_files_are_altered_from_is_taken(bundle: Path) -> None:
    forge_evidence(bundle, altered(lambda _: None)(plain(bundle)))
    assert verify_bundle(bundle).holds


def plain(bundle: Path) -> Table:
    table: Table = json.loads(encode_record(record(bundle)))
    return table


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_evidence_is_refused(bundle: Path, kind: str) -> None:
    with refused(bundle):
        forge_evidence(bundle, HOSTILE[kind](plain(bundle)))


@pytest.mark.parametrize(
    "name", ["evidence/x.json", "evidence/" + "0" * 64 + ".json", "evidence/../ticket.json"]
)
def test_a_record_that_is_not_named_by_its_digest_is_refused(bundle: Path, name: str) -> None:
    data = encode_record(record(bundle))
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (bundle / "evidence").mkdir()
    with refused(bundle):
        forge_manifest(bundle, lambda table: table["files"].update({name: facts}))


def test_a_file_beside_the_listed_records_is_noticed(bundle: Path) -> None:
    (bundle / "evidence").mkdir()
    (bundle / "evidence" / ("0" * 64 + ".json")).write_text("{}")
    assert [check.name for check in verify_bundle(bundle).failures] == ["no other file"]


def test_a_changed_record_is_noticed_by_its_digest(bundle: Path) -> None:
    (name,) = amend_bundle(bundle, experiments=[record(bundle)]).experiments
    other = dataclasses.replace(record(bundle), who="Bob")
    with refused(bundle):
        (bundle / name).write_bytes(encode_record(other))


def test_curves_come_along_in_a_record_of_a_format_of_its_own(bundle: Path) -> None:
    made = read_record(with_curves(evidence_table(bundle)))
    amend_bundle(bundle, experiments=[made])
    assert verify_bundle(bundle).holds
    (found,) = open_bundle(bundle).experiments()
    assert found == made
    (name,) = open_bundle(bundle).manifest.experiments
    assert json.loads((bundle / name).read_bytes())["format"] == 2
    assert json.loads(encode_record(record(bundle)))["format"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": [0, 100, 100, 300, 400]},
        {"validation_accuracy": [0.1, 0.2]},
        {"validation_accuracy": [0.1, 0.2, 0.3, 0.4, 1.5]},
        {"iterations": [], "validation_accuracy": [], "test_accuracy": []},
    ],
)
def test_a_curve_that_cannot_be_is_refused(bundle: Path, change: Table) -> None:
    table = with_curves(evidence_table(bundle))
    table["levels"][0]["networks"]["ticket"]["curves"][0] |= change
    with pytest.raises(EvidenceError, match="a curve of level 2 cannot be"):
        read_record(table)


def test_curves_are_of_every_trial_and_bounded(bundle: Path) -> None:
    table = evidence_table(bundle)
    with pytest.raises(EvidenceError, match="a curve of level 2 cannot be"):
        read_record(with_curves(table, readings=41))
    read_record(with_curves(table, readings=40))
    table["levels"][0]["networks"]["reinit"]["curves"].pop()
    with pytest.raises(EvidenceError, match="a curve of level 2 cannot be"):
        read_record(table)


@pytest.mark.parametrize("count", [1, 2, 39, 40, 41, 500])
def test_thinned_curves_keep_the_first_the_last_and_the_early_stop(count: int) -> None:
    numbers = torch.arange(count, dtype=torch.float64)
    best = (2 * count) // 3
    curves = Curves(
        iterations=10 * torch.arange(count),
        validation_loss=(numbers - best).abs(),
        validation_accuracy=numbers / 1000 + 1 / 30,
        test_loss=numbers,
        test_accuracy=torch.where(numbers == best, numbers / 1000, torch.nan),
    )
    found = thinned(curves)
    assert len(found.iterations) == min(count, 40)
    assert {0, 10 * best, 10 * (count - 1)} <= set(found.iterations)
    assert found.validation_accuracy[0] == 0.033333
    place = found.iterations.index(10 * best)
    assert found.test_accuracy[place] == best / 1000
    assert found.test_accuracy.count(None) == len(found.iterations) - 1
