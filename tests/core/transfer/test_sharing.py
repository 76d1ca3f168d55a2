"""Sharing a bundle with the evidence of experiments: what is read, refused and sent."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.helpers.experiments import evidence_table, write_run
from ticket_hub import info_bundle, open_bundle, pull_bundle, push_bundle, verify_bundle
from ticket_hub.bundle.card_terms import read_terms
from ticket_hub.errors import (
    BundleError,
    BundleFormatError,
    EvidenceError,
    HubConflictError,
    HubError,
)
from ticket_hub.signing.keys import keygen
from ticket_hub.transfer.evidence_of_runs import add_evidence, record_of
from ticket_hub.transfer.sharing import name_card
from ticket_hub.transfer.undoing import card_put_back_if_refused

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def run(bundle: Path, tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", evidence_table(bundle))


def test_a_push_with_evidence_sends_neither_masks_nor_theta0_again(
    bundle: Path, run: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "hub"
    push_bundle(bundle, "ann/digits", hub=hub)
    before = open_bundle(bundle).manifest
    pushed = push_bundle(bundle, "ann/digits", hub=hub, evidence=[run])
    (name,) = open_bundle(bundle).manifest.experiments
    assert sorted(pushed.uploaded) == ["README.md", name, "ticket.json"]
    assert open_bundle(bundle).manifest.id == before.id
    assert push_bundle(bundle, "ann/digits", hub=hub, evidence=[run]).uploaded == ()


def test_a_pull_of_one_level_and_a_look_at_the_hub_bring_the_evidence(
    bundle: Path, run: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "hub"
    push_bundle(bundle, "ann/digits", hub=hub, evidence=[run], by="Bob")
    pulled = pull_bundle("ann/digits:2", hub=hub, trial=0, cache_dir=tmp_path / "cache")
    (record,) = open_bundle(pulled.folder).experiments()
    assert record.who == "Bob"
    assert info_bundle("ann/digits", hub=hub).experiments == (record,)


def test_the_record_says_who_made_it_and_when_its_last_network_was_trained(
    bundle: Path, run: Path
) -> None:
    os.utime(run / "results/002/ticket-0.json", (86_400, 86_400))
    assert (record_of(run).who, record_of(run).when) == ("Ada", "1970-01-02T00:00:00Z")
    assert record_of(run, by="Bob").who == "Bob"
    (run / "evidence.json").write_text(json.dumps(evidence_table(bundle, who="")))
    with pytest.raises(EvidenceError, match="who made it"):
        record_of(run)


def test_evidence_about_another_bundle_is_refused_before_anything_is_written_or_sent(
    bundle: Path, run: Path, tmp_path: Path
) -> None:
    table = evidence_table(bundle)
    table["tickets"]["bundle"] = "1" * 64
    foreign = write_run(tmp_path / "foreign", table)
    before = (bundle / "ticket.json").read_bytes()
    with pytest.raises(EvidenceError, match="not about"):
        push_bundle(bundle, "ann/digits", hub=tmp_path / "hub", evidence=[run, foreign])
    assert (bundle / "ticket.json").read_bytes() == before
    assert not (tmp_path / "hub").exists()


def test_what_is_no_finished_experiment_is_refused(run: Path, bundle: Path) -> None:
    (run / "evidence.json").write_text('{"format": 1}')
    with pytest.raises(EvidenceError, match="missing"):
        record_of(run)
    (run / "evidence.json").write_text("{")
    with pytest.raises(BundleFormatError):
        record_of(run)
    (run / "evidence.json").unlink()
    with pytest.raises(EvidenceError, match="not finished"):
        record_of(run)
    with pytest.raises(EvidenceError, match="no experiment"):
        record_of(bundle)


def test_what_was_pulled_stays_as_its_hub_has_it(
    bundle: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    push_bundle(bundle, "ann/digits", hub=tmp_path / "hub")
    pulled = pull_bundle("ann/digits:all", hub=tmp_path / "hub").folder
    with pytest.raises(BundleError, match="was pulled"):
        add_evidence(pulled, [run])


@pytest.mark.parametrize("sign", [False, True])
def test_a_push_that_is_refused_leaves_name_licence_and_signature_as_they_were(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sign: bool
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    keygen("default")
    hub = tmp_path / "hub"
    push_bundle(bundle, "ann/digits", hub=hub, license="mit", sign=sign)
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    with pytest.raises(HubConflictError):
        push_bundle(bundle, "ann/other", hub=hub, license="apache-2.0", parent="0" * 40, sign=sign)
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before
    assert verify_bundle(bundle).holds
    assert push_bundle(bundle, "ann/other", hub=hub, sign=sign).commit
    assert (read_terms(bundle).repo, read_terms(bundle).license) == ("ann/other", "mit")


def test_evidence_that_another_command_adds_during_a_refused_push_stays(
    bundle: Path, run: Path
) -> None:
    def push_in_vain() -> None:
        with card_put_back_if_refused(bundle):
            name_card(bundle, "ann/other")
            add_evidence(bundle, [run])
            raise HubError("It is refused.", "Wait.")

    with pytest.raises(HubError, match="refused"):
        push_in_vain()
    assert len(open_bundle(bundle).manifest.experiments) == 1
    assert verify_bundle(bundle).holds
