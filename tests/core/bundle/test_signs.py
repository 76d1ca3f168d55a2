"""Bundles of signs: a mask and a bit for each survivor, pushed, pulled, verified and trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.runs import files
from ticket_hub.bundle import content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.layout import theta0_file
from ticket_hub.errors import BundleFormatError, EvidenceError, NetworkError
from ticket_hub.hub import Cache, connect, pull
from ticket_hub.interop.exporters import export_ticket
from ticket_hub.networks import initialize
from ticket_hub.search import find
from ticket_hub.ticket import Ticket
from ticket_hub.transfer import retrain
from ticket_hub.transfer.sharing import push_bundle

SMALL = {
    "network.name": "lenet-20",
    "training.iterations": 20,
    "training.evaluate_every": 10,
    "training.backend": "stack",
    "search.levels": 3,
    "search.trials": 2,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ticket_hub.recipe import load_recipe

    wanted = load_recipe("digits-quick").replace(SMALL)
    return find(wanted, run_folder=tmp_path_factory.mktemp("signs") / "run", workers=1).run


@pytest.fixture(scope="module")
def pulled(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pushed to a folder as signs, and pulled whole."""
    hub, cache = tmp_path_factory.mktemp("hub"), Cache(tmp_path_factory.mktemp("cache"))
    push_bundle(run / "bundle", "ann/signs", theta0="signs", hub=hub)
    return pull(connect(hub), "ann/signs", level="all", cache=cache).folder


def test_a_signed_bundle_has_two_bits_a_weight_and_no_evidence_that_is_not_its_own(
    run: Path, pulled: Path
) -> None:
    report = verify_bundle(pulled)
    assert report.holds, report.failures
    whole, signs = open_bundle(run / "bundle"), open_bundle(pulled)
    manifest = signs.manifest
    assert (manifest.theta0, manifest.theta0_level) == ("signs", 1)
    assert [level.index for level in manifest.levels] == [1, 2, 3]
    assert [level.evidence for level in manifest.levels] == [None] * 3
    assert [origin.id for origin in manifest.lineage] == [whole.manifest.id]
    assert manifest.id != whole.manifest.id
    for trial in range(2):
        kept = sum(signs.level(1).tickets[trial].kept)
        size = manifest.files[theta0_file(trial)].size
        assert math.ceil(kept / 8) <= size < math.ceil(kept / 8) + 8 + 1024
        for level in (1, 2, 3):
            before, after = (each.ticket(level, trial) for each in (whole, signs))
            assert list(after.theta0) == list(before.mask) == list(after.mask)
            for name, keep in before.mask.items():
                assert torch.equal(after.mask[name], keep)
                assert torch.equal(after.theta0[name][keep], before.theta0[name][keep].sign())
    card = (pulled / "README.md").read_text()
    assert "--start signed" in card
    assert "ticket.signed(seed).build()" in card


def test_the_same_signs_are_the_same_bytes_and_are_read_as_they_were_written(
    pulled: Path, tmp_path: Path
) -> None:
    content = content_of(open_bundle(pulled))
    write_bundle(tmp_path / "again", content, theta0="signs")
    mine, theirs = files(tmp_path / "again"), files(pulled)
    named = {"README.md", "ticket.json"}  # the card says where it was pushed
    assert {n: mine[n] for n in mine if n not in named} == {
        n: theirs[n] for n in theirs if n not in named
    }
    assert open_bundle(tmp_path / "again").manifest.id == open_bundle(pulled).manifest.id


def test_what_signs_alone_cannot_do_is_refused_by_name(
    run: Path, pulled: Path, tmp_path: Path
) -> None:
    ticket = Ticket.from_pretrained(pulled, level=2)
    for refused in (ticket.build, lambda: export_ticket(ticket, "safetensors", tmp_path / "w")):
        with pytest.raises(NetworkError, match=r"signs of its theta0 only.*ticket\.signed\(seed\)"):
            refused()
    settings: dict[str, Any] = {"run_folder": tmp_path / "run", "workers": 1, "trials": 2}
    with pytest.raises(EvidenceError, match="--start signed"):
        retrain(f"{pulled}:2", **settings)
    for control in ("dense", "shuffle", "resample"):
        with pytest.raises((EvidenceError, NetworkError), match=f"{control!r}|signs of its theta0"):
            retrain(f"{pulled}:2", against=[control], start="signed", **settings)
    with pytest.raises(EvidenceError, match="own ticket has the signs"):
        retrain(f"{run}:2", own=pulled, **settings)
    with pytest.raises(BundleFormatError, match="signs of theta0 only"):
        push_bundle(pulled, "ann/dense", theta0="dense", hub=tmp_path / "hub")


def test_signs_alone_train_as_the_whole_bundle_does_when_it_begins_with_signs(
    run: Path, pulled: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"against": ["reinit"], "start": "signed", "trials": 2, "workers": 1}
    one = retrain(f"{run}:2", run_folder=tmp_path / "one", **settings)
    other = retrain(f"{pulled}:2", run_folder=tmp_path / "other", **settings)
    for (level,), (same,) in [(one.levels, other.levels)]:
        for name, results in level.results.items():
            assert [r.start for r in results] == [r.start for r in same.results[name]]
            assert [r.accuracy for r in results] == [r.accuracy for r in same.results[name]]


def test_sizes_are_drawn_by_a_seed_and_the_network_is_ready_to_train(pulled: Path) -> None:
    ticket = Ticket.load(pulled, level=3)
    drawn = ticket.signed(seed=7)
    network = open_bundle(pulled).manifest.recipe.network
    assert network is not None
    fresh = initialize(ticket.architecture, network, 7)
    for name, keep in ticket.mask.items():
        assert torch.equal(drawn.theta0[name].abs(), fresh[name].abs())
        assert torch.equal(drawn.theta0[name][keep].sign(), ticket.theta0[name][keep])
    state = drawn.build().state_dict()
    assert all(torch.equal(state[name], fresh[name]) for name in fresh if name not in ticket.mask)
    assert not drawn.signs
    assert ticket.signs
    assert drawn.id == ticket.signed(seed=7).id != ticket.signed(seed=8).id


def test_one_ticket_of_signs_is_saved_as_signs(pulled: Path, tmp_path: Path) -> None:
    ticket = Ticket.load(pulled, level=3)
    ticket.save_pretrained(tmp_path / "one")
    assert verify_bundle(tmp_path / "one").holds
    assert Ticket.load(tmp_path / "one").id == ticket.id
