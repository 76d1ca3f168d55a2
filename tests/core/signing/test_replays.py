"""Replays by others: what a record says, who counts, and where it goes."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.bundle import layout, open_bundle, verify_bundle
from ticket_hub.bundle.replay_record import (
    ReplayRecord,
    decode_replay,
    encode_replay,
    read_replays,
)
from ticket_hub.errors import BundleFormatError, EvidenceError, HubAccessError
from ticket_hub.evidence.reproduction import ReplayReport, TrialReplay, judge_level
from ticket_hub.evidence.rule import USUAL
from ticket_hub.hub import connect
from ticket_hub.hub.base import Hub, Pushed
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.peeking import peek, peek_replays
from ticket_hub.hub.pull import pull
from ticket_hub.hub.query import Query, search
from ticket_hub.signing.keys import PrivateKey, find_key, keygen
from ticket_hub.signing.model_signature import check_signature
from ticket_hub.signing.replays import is_genuine, replays_of, summarize
from ticket_hub.transfer import replay_sharing
from ticket_hub.transfer.replay_sharing import push_replay, replay_record
from ticket_hub.transfer.sharing import push_bundle

REPO = "ann/digits"
Made = Callable[..., ReplayReport]


@pytest.fixture
def report(bundle: Path, tmp_path: Path) -> Made:
    """What a replay of the bundle says, with an accuracy that is so far off."""

    def make(off: float = 0.0, *, same: bool = False) -> ReplayReport:
        trial = TrialReplay(
            trial=0, claimed=0.95, found=0.95 - off, claimed_stop=1000, found_stop=1000,
            identical=not off,
        )  # fmt: skip
        level = judge_level(2, [trial], [0.95, 0.94, 0.96], same_environment=same, family=1)
        return ReplayReport(
            levels=(level,), differences=() if same else ("python 3.11, not 3.12",),
            run=str(tmp_path / "run"), rule=USUAL, test_examples=360,
            bundle=open_bundle(bundle).manifest.id, environment={"torch": "2.13.0", "machine": "x"},
        )  # fmt: skip

    return make


def test_a_record_says_what_came_out_and_comes_back(report: Made, key: PrivateKey) -> None:
    record = replay_record(report(0.001), by="Ben", key="ann")
    (level,) = record.levels
    assert (record.outcome, record.who, record.key_id) == ("reproduced", "Ben", key.public.id)
    assert (level.level, level.trials, level.claimed_trials) == (2, 1, 3)
    assert level.furthest == pytest.approx(0.001)
    data = encode_replay(record)
    name = layout.replay_file(hashlib.sha256(data).hexdigest())
    assert decode_replay(data, name) == record
    assert is_genuine(record)
    assert replay_record(report(), by="Ben").outcome == "bit-identical"
    assert replay_record(report(0.2), by="Ben").outcome == "not reproduced"


EDITS: dict[str, dict[str, Any]] = {
    "outcome": {"outcome": "bit-identical"},
    "who": {"who": "Ada"},
    "bundle": {"bundle": "0" * 64},
    "when": {"when": "2020-01-01T00:00:00Z"},
    "environment": {"environment": {"torch": "1"}},
    "no signature": {"signature": ""},
    "no base64": {"signature": "?"},
    "no key": {"key": "x"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.usefixtures("key")
def test_an_edited_record_is_not_of_its_signer(report: Made, edit: dict[str, Any]) -> None:
    record = dataclasses.replace(replay_record(report(0.001), by="Ben", key="ann"), **edit)
    assert not is_genuine(record)
    assert summarize([record]).others == 0


def test_a_file_that_is_no_record_is_passed_over(report: Made, bundle: Path) -> None:
    record = replay_record(report(), by="Ben")
    good = encode_replay(record)
    bad = (
        good.replace(b'"Ben"', b'""'),
        good.replace(b'"format":1', b'"format":2'),
        good.replace(b'"level":2', b'"level":-2'),
        good.replace(b'"found":', b'"found":1'),
        good.replace(b'"who":', b'"why":'),
        good.replace(b'"bit-identical"', b'"perfect"'),
        good + b"\n",
        b"[]",
        b"{",
        b"",
    )
    (bundle / layout.REPLAYS).mkdir()
    for data in (good, *bad):
        name = layout.replay_file(hashlib.sha256(data).hexdigest())
        (bundle / name).write_bytes(data)
        if data != good:
            with pytest.raises(BundleFormatError):
                decode_replay(data, name)
    other = encode_replay(dataclasses.replace(record, bundle="0" * 64))
    (bundle / layout.replay_file(hashlib.sha256(other).hexdigest())).write_bytes(other)
    (bundle / layout.replay_file("0" * 64)).write_bytes(good)  # not its digest
    assert list(read_replays(bundle, record.bundle)) == [record]
    assert verify_bundle(bundle).holds


def record_by(who: str, key_name: str | None, made: ReplayRecord, **changes: Any) -> ReplayRecord:  # noqa: ANN401
    from ticket_hub.signing.replays import sign_replay

    record = dataclasses.replace(made, who=who, **changes)
    return record if key_name is None else sign_replay(record, find_key(key_name))


def test_nobodys_replay_of_their_own_ticket_counts(report: Made, key: PrivateKey) -> None:
    keygen("ben")
    keygen("eve")
    made = replay_record(report(0.001), by="x")
    identical = {"outcome": "bit-identical"}
    records = [
        record_by("Ann", None, made),  # the owner, by name
        record_by("somebody", "ann", made),  # by the key of the signature
        record_by("Ben", "ben", made, when="2026-01-01T00:00:00Z", outcome="not reproduced"),
        record_by("Ben", "ben", made, when="2026-02-01T00:00:00Z", **identical),
        record_by("Benjamin", "ben", made, when="2026-01-15T00:00:00Z"),  # the same key
        record_by("Cy", None, made),
        record_by("cy", None, made),
        record_by("Eve", "eve", made, **identical),
    ]
    found = summarize(records, own_names=["ann"], own_key=key.public.id)
    assert found.sentence == "replayed by 3 others, 2 bit-identical, 1 reproduced"
    assert summarize([]).sentence == ""
    alone = summarize(records[5:6])
    assert alone.sentence == "replayed by 1 other, 1 reproduced"


def test_a_replay_lies_beside_the_evidence_and_costs_no_signature(
    report: Made, bundle: Path, key: PrivateKey, tmp_path: Path
) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push_bundle(bundle, REPO, hub=hub.root, sign=True, key="ann")
    push_bundle(bundle, "ann/other", hub=hub.root, sign=True, key="ann")
    keygen("ben")
    push_replay(report(), REPO, by="Ben", key="ben", hub=hub.root)
    push_replay(report(0.001), REPO, by="Cy", hub=hub.root)
    push_replay(report(), REPO, by="Ann", hub=hub.root)
    expected = "replayed by 2 others, 1 bit-identical, 1 reproduced"
    snapshot, manifest = peek(hub, REPO)
    assert peek_replays(hub, snapshot, manifest).sentence == expected
    hits = [(each.repo, each.replays.others) for each in search(hub, Query(), sort="replays")]
    assert hits == [(REPO, 2), ("ann/other", 0)]
    folder = pull(hub, REPO, level="all", cache=cache).folder
    assert replays_of(folder, manifest.id, owner="ann").sentence == expected
    found = check_signature(folder, {"ann": key.public})
    assert found is not None
    assert found.signer == "ann"
    assert verify_bundle(folder).holds
    # Its owner gets them with the next push, and the card says so.
    push_bundle(bundle, REPO, hub=hub.root, sign=True, key="ann")
    assert expected in (bundle / layout.CARD).read_text("utf-8")
    assert len(list(read_replays(bundle, manifest.id))) == 3


def test_other_tickets_get_no_replay(report: Made, bundle: Path, tmp_path: Path) -> None:
    push_bundle(bundle, REPO, hub=tmp_path / "hub")
    other = dataclasses.replace(report(), bundle="0" * 64)
    with pytest.raises(EvidenceError, match="other tickets"):
        push_replay(other, REPO, hub=tmp_path / "hub")


def test_who_may_not_write_is_told_what_to_do(
    report: Made, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_bundle(bundle, REPO, hub=tmp_path / "hub")

    class Reading(FolderHub):
        def push(self, *_given: object, **_options: object) -> Pushed:
            raise HubAccessError("You may only read it.", "")

    monkeypatch.setattr(replay_sharing, "connect", lambda *_, **__: Reading(tmp_path / "hub"))
    with pytest.raises(HubAccessError, match="was not added") as refused:
        push_replay(report(), REPO, by="Ben")
    assert str(tmp_path / "run/replay.json") in refused.value.remedy
    assert b'"Ben"' in (tmp_path / "run/replay.json").read_bytes()


def test_on_the_public_hub_it_is_a_pull_request(
    report: Made, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_bundle(bundle, REPO, hub=tmp_path / "hub")
    asked: list[object] = []

    class Recording(FolderHub):
        def push(self, *_given: object, **options: object) -> Pushed:
            asked.append(options["create_pr"])
            return Pushed(repo=REPO, commit="0" * 40, url="", uploaded=())

    here: Hub = Recording(tmp_path / "hub")
    monkeypatch.setattr(replay_sharing, "connect", lambda *_, **__: here)
    push_replay(report(), REPO, by="Ben")
    assert replay_sharing._is_public(connect("https://huggingface.co", token=False))
    assert not replay_sharing._is_public(connect("https://tickets.example.org", token=False))
    monkeypatch.setattr(replay_sharing, "_is_public", lambda _hub: True)
    push_replay(report(), REPO, by="Ben")
    assert asked == [False, True]
