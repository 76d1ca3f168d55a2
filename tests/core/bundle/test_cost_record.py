"""What tickets were measured to cost: kept beside the evidence, shown, and nothing believed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bundle_forging import forge_file, refused
from tests.helpers.costs import cost_record, form_cost
from ticket_hub.bundle import amend_bundle, content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.card_costs import slower_forms
from ticket_hub.bundle.cost_record import listed_cost
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError


def test_costs_have_a_file_of_their_own_and_machines_stand_beside_each_other(bundle: Path) -> None:
    before = open_bundle(bundle).manifest
    first, other = cost_record(bundle), cost_record(bundle, device="Colossus")
    amend_bundle(bundle, costs=[first])
    after = amend_bundle(bundle, costs=[other, first])
    assert (after.id, after.levels, after.default) == (before.id, before.levels, before.default)
    changed = {name for name, each in after.files.items() if before.files.get(name) != each}
    assert changed == {"costs.json", "README.md"}
    assert open_bundle(bundle).costs() == (first, other)
    assert verify_bundle(bundle).holds


def test_the_card_has_a_table_for_each_machine_and_says_what_is_slower(bundle: Path) -> None:
    size = open_bundle(bundle).manifest.prunable
    amend_bundle(bundle, costs=[cost_record(bundle), cost_record(bundle, device="Colossus")])
    card = (bundle / "README.md").read_text("utf-8")
    section = card.split("## What they cost\n")[1].split("\n## ")[0]
    assert "On Abacus, 1 thread, torch 2.13.0, 64 inputs, 20 runs:" in section
    assert "On Colossus, 1 thread, torch 2.13.0, 64 inputs, 20 runs:" in section
    row = f"| small | {size // 2:,} | 2,000 | {2 * size:,} | 0.50 (0.49 to 0.51) | 4.00x |"
    assert section.count(row) == 2
    assert "on Abacus, 1 thread, torch 2.13.0: csr takes 1.50 times as long" in section


def test_what_is_compared_runs_as_the_dense_network_runs(bundle: Path) -> None:
    made = cost_record(bundle)
    assert made.quickest.form == "small"  # ONNX Runtime is quicker with every network
    assert made.speedup(made.quickest) == 4.0
    single = dataclasses.replace(made, costs=made.costs[:3])
    assert single.quickest.form == "csr"  # not the zeros that happen to run quicker
    assert dataclasses.replace(made, costs=made.costs[:2]).quickest.form == "masked"
    assert len(slower_forms([made, made])) == 1


def test_lists_show_the_latest_of_the_level_that_is_meant(bundle: Path) -> None:
    later = cost_record(bundle, level=1, device="Colossus", when="2026-03-01T00:00:00Z")
    again = cost_record(bundle, device="Zuse", when="2026-02-01T00:00:00Z")
    records = [cost_record(bundle), again, later]
    found = listed_cost(records, 2)
    assert found is not None
    assert (found.level, found.form, found.milliseconds, found.speedup) == (2, "small", 0.5, 4.0)
    assert found.where == "Zuse, 1 thread, torch 2.13.0"
    other = listed_cost(records, 0)
    assert other is not None
    assert other.where.startswith("Colossus")
    assert listed_cost(records, 0, only=True) is None
    assert listed_cost([], 2) is None


def test_costs_are_part_of_a_bundles_content_and_stay_with_their_tickets(
    bundle: Path, tmp_path: Path
) -> None:
    amended = amend_bundle(bundle, costs=[cost_record(bundle), cost_record(bundle, level=1)])
    content = content_of(open_bundle(bundle))
    assert write_bundle(tmp_path / "again", content) == amended
    write_bundle(tmp_path / "part", content.only(0, 1))
    assert open_bundle(tmp_path / "part").costs() == (cost_record(bundle, level=1),)
    assert verify_bundle(tmp_path / "part").holds


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ticket": "1" * 64}, "no ticket of level 2"),
        ({"level": 9}, "no ticket of level 9"),
        ({"costs": (form_cost("masked", 1.0),)}, "cannot be"),
        ({"costs": (form_cost("dense", 1.0),)}, "cannot be"),
        ({"costs": (form_cost("dense", 1.0, low=2.0), form_cost("small", 1.0))}, "cannot be"),
        (
            {"costs": (form_cost("dense", 1.0, parameters=3, nonzero=3), form_cost("csr", 1.0))},
            "cannot be",
        ),
        ({"threads": 0}, "cannot be"),
        ({"when": "yesterday"}, "cannot be"),
    ],
)
def test_costs_of_other_tickets_and_costs_that_cannot_be_are_refused(
    change: dict[str, Any], reason: str, bundle: Path
) -> None:
    before = (bundle / "ticket.json").read_bytes()
    with pytest.raises(EvidenceError, match=reason):
        amend_bundle(bundle, costs=[dataclasses.replace(cost_record(bundle), **change)])
    assert (bundle / "ticket.json").read_bytes() == before
    assert not (bundle / "costs.json").exists()


def test_more_costs_than_a_bundle_takes_are_refused(bundle: Path) -> None:
    many = [cost_record(bundle, device=f"machine {number}") for number in range(257)]
    amend_bundle(bundle, costs=many[:256])
    with pytest.raises(EvidenceError, match="more than 256"):
        amend_bundle(bundle, costs=many[256:])


def test_a_file_of_costs_that_a_stranger_wrote_is_not_believed(bundle: Path) -> None:
    amend_bundle(bundle, costs=[cost_record(bundle)])
    table = json.loads((bundle / "costs.json").read_bytes())
    for key, value in (
        ("ticket", "1" * 64),
        ("batch", True),
        ("machine", {"device": "a\x1b[1m"}),
        ("costs", []),
    ):
        forged = json.loads(json.dumps(table))
        forged["records"][0][key] = value
        with refused(bundle):
            forge_file(bundle, "costs.json", canonical_json(forged) + b"\n")
    with refused(bundle):
        forge_file(bundle, "costs.json", json.dumps(table).encode())
