"""Pretrained weights from a hub: pushed by the official client, fetched by digest, and kept."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import save_file

from ticket_hub.errors import HubError, HubNotFoundError, NetworkError
from ticket_hub.hub.weights import fetch_weights
from ticket_hub_api.background import RunningHub


@pytest.fixture
def repository(hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that somebody shares."""
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    name = f"{api.whoami()['name']}/weights-{uuid.uuid4().hex[:8]}"
    (tmp_path / "model").mkdir()
    save_file({"w": torch.arange(5.0)}, tmp_path / "model/model.safetensors")
    save_file({"w": torch.ones(5)}, tmp_path / "model/other.safetensors")
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=tmp_path / "model")
    return name


def test_a_branch_becomes_a_commit_and_the_file_is_kept(repository: str, hub: RunningHub) -> None:
    found = fetch_weights(f"hub:{repository}", hub=hub.endpoint)
    commit = found.source.rpartition("@")[2]
    assert found.source == f"hub:{repository}@{commit}"
    assert len(commit) == 40
    assert fetch_weights(f"hub:{repository}@main", hub=hub.endpoint).sha256 == found.sha256
    other = fetch_weights(f"hub:{repository}:other.safetensors", hub=hub.endpoint)
    assert other.source == f"hub:{repository}@{commit}:other.safetensors"
    assert other.sha256 != found.sha256
    gone = "http://127.0.0.1:9"
    assert fetch_weights(found.source, found.sha256, hub=gone) == found, "without asking any hub"


def test_what_is_not_there_is_refused_with_what_is(repository: str, hub: RunningHub) -> None:
    with pytest.raises(HubError, match="has no best"):
        fetch_weights(f"hub:{repository}:best.safetensors", hub=hub.endpoint)
    with pytest.raises(HubNotFoundError):
        fetch_weights(f"hub:{repository}-none", hub=hub.endpoint)
    with pytest.raises(NetworkError, match="the recipe says"):
        fetch_weights(f"hub:{repository}", "0" * 64, hub=hub.endpoint)
