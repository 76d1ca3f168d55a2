"""Who vouches for a ticket on a hub: whose key has signed it, and which accounts replayed it."""

from __future__ import annotations

import dataclasses
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from ticket_hub.bundle import open_bundle
from ticket_hub.errors import HubAccessError, SignatureError
from ticket_hub.evidence.reproduction import ReplayReport, TrialReplay, judge_level
from ticket_hub.evidence.rule import USUAL
from ticket_hub.signing.keys import find_key, keygen
from ticket_hub.transfer.replay_sharing import push_replay
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.background import RunningHub
from ticket_hub_api.catalog.indexing import index_pending
from ticket_hub_api.catalog.said import signers_of
from ticket_hub_api.catalog.ticket_detail import one_ticket
from ticket_hub_api.catalog.vouching import vouching_of
from ticket_hub_api.operation.opening import open_hub
from ticket_hub_api.settings import Settings

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
Call = Callable[..., Any]


def replayed(off: float, run: Path) -> ReplayReport:
    """What a replay of the golden bundle says, with an accuracy that is so far off."""
    trial = TrialReplay(
        trial=0, claimed=0.95, found=0.95 - off, claimed_stop=1000, found_stop=1000,
        identical=not off,
    )  # fmt: skip
    level = judge_level(2, [trial], [0.95, 0.94, 0.96], same_environment=False, family=1)
    return ReplayReport(
        levels=(level,), differences=(), run=str(run), rule=USUAL, test_examples=360,
        bundle=open_bundle(GOLDEN).manifest.id, environment={"torch": "2.13.0"},
    )  # fmt: skip


def test_a_ticket_shows_its_signer_and_the_replays_of_other_accounts(
    hub: RunningHub, owner: str, call: Call, stranger: Callable[[str], str], tmp_path: Path
) -> None:
    repo = f"{owner}/vouched-{uuid.uuid4().hex[:8]}"
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    key = find_key(keygen("ann").stem)
    push_bundle(bundle, repo, sign=True, key="ann", hub=hub.endpoint, token=hub.token)
    with pytest.raises(HubAccessError, match="was not added"):
        push_replay(
            replayed(0.0, tmp_path / "run"), repo, hub=hub.endpoint, token=stranger("write")
        )
    admin = stranger("admin")
    for off in (0.001, 0.0):  # the later one counts
        push_replay(replayed(off, tmp_path / "run"), repo, hub=hub.endpoint, token=admin)
    own = {"hub": hub.endpoint, "token": hub.token, "by": "Somebody Else"}
    push_replay(replayed(0.001, tmp_path / "run"), repo, **own)

    found = call("GET", f"/api/v1/tickets/{repo}/vouching")
    assert found.status == 200
    assert found.json["sentence"].startswith("replayed by 1 other, 1 ")
    assert (found.json["others"], len(found.json["replays"])) == (1, 3)
    assert (found.json["key"], found.json["signed_by"]) == (key.public.id, "")
    counted = [each["account"] for each in found.json["replays"] if each["counts"]]
    assert len(counted) == 1
    assert counted[0] != owner
    identical = found.json["identical"]  # which of two within a second is later, nobody knows
    replayed_by = {"replays": 1, "identical": identical, "signed_by": ""}
    (first, *_) = call("GET", "/api/v1/tickets?sort=replays").json["items"]
    assert (first["repo"], first["vouched"]) == (repo, replayed_by)
    board = call("GET", "/api/v1/leaderboard?sort=replays&limit=100").json["items"]
    assert board[0]["repo"] == repo
    assert {str(row["vouched"]) for row in board if row["repo"] == repo} == {str(replayed_by)}
    assert "replayed by 1" in call("GET", "/leaderboard?order=most+replayed+first").body.decode()
    assert "replayed by 1" in call("GET", "/?order=replayed").body.decode()
    page = call("GET", f"/tickets/{repo}").body.decode()
    assert "Replayed by 1 other" in page
    assert "Signed by" not in page  # this operator trusts nobody


def test_what_lists_say_follows_each_commit_and_whom_the_operator_trusts(
    hub: RunningHub, owner: str, call: Call, stranger: Callable[[str], str], tmp_path: Path
) -> None:
    repo = f"{owner}/followed-{uuid.uuid4().hex[:8]}"
    settings = trusting(tmp_path / "ann", "ann", hub.settings)
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    push_bundle(bundle, repo, sign=True, key="ann", hub=hub.endpoint, token=hub.token)

    def said() -> dict[str, Any]:
        found = call("GET", f"/api/v1/tickets?text={repo.partition('/')[2]}").json["items"]
        vouched: dict[str, Any] = found[0]["vouched"]
        return vouched

    with open_hub(settings) as services:
        index_pending(services)
        assert said()["signed_by"] == "ann"
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        api.delete_file("model.sig", repo)
        assert said()["signed_by"] == ""
    admin = stranger("admin")
    push_replay(replayed(0.001, tmp_path / "run"), repo, hub=hub.endpoint, token=admin)
    assert said() == {"replays": 1, "identical": 0, "signed_by": ""}
    api.update_repo_settings(repo, private=True)
    assert said()["replays"] == 1
    (record,) = [name for name in api.list_repo_files(repo) if name.startswith("replays/")]
    api.delete_file(record, repo)
    assert said()["replays"] == 0


def trusting(folder: Path, name: str, settings: Settings | None = None) -> Settings:
    """Settings, by default of a new hub, that trust a new key."""
    folder.mkdir()
    shutil.copy(keygen(name), folder / f"{name}.pub")
    return dataclasses.replace(settings or Settings(folder=folder), trusted_keys=str(folder))


def test_a_signature_is_of_a_key_that_the_operator_trusts(
    hub: RunningHub, owner: str, tmp_path: Path
) -> None:
    repo = f"{owner}/signed-{uuid.uuid4().hex[:8]}"
    settings = trusting(tmp_path / "ann", "ann")
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    push_bundle(bundle, repo, sign=True, key="ann", hub=hub.endpoint, token=hub.token)
    viewer = Principal(account_id="1" * 24, name="root", scope="admin")
    with open_hub(hub.settings) as services, services.database.read() as connection:
        detail = one_ticket(connection, viewer, repo)
        found = vouching_of(services, connection, detail, signers_of(settings))
        assert found.signed_by == "ann"
        others = trusting(tmp_path / "eve", "eve")
        assert vouching_of(services, connection, detail, signers_of(others)).signed_by == ""
        damaged = [
            dataclasses.replace(each, sha256="0" * 64) if each.path == "metrics.json" else each
            for each in detail.files
        ]
        other = dataclasses.replace(detail, files=tuple(damaged))
        assert vouching_of(services, connection, other, signers_of(settings)).key == ""


def test_a_trusted_key_that_is_none_keeps_a_hub_from_starting(tmp_path: Path) -> None:
    (tmp_path / "ann.pub").write_text("no key")
    with pytest.raises(SignatureError, match="no public key"):
        signers_of(Settings(folder=tmp_path, trusted_keys=str(tmp_path)))
