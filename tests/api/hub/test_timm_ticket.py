"""A ticket of a timm network, pushed by us, loads with plain timm and nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import torch

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    LevelContent,
    TrialContent,
    open_bundle,
    write_bundle,
)
from ticket_hub.hub import connect, push
from ticket_hub.networks import initialize, outline
from ticket_hub.recipe import NetworkSpec, load_recipe
from ticket_hub.types import Architecture
from ticket_hub_api.background import RunningHub

NETWORK = "timm:test_resnet"
ARCHITECTURE = Architecture(name=NETWORK, channels=3, height=32, width=32, classes=10)
# The shim that lets a CPU build of torch import torchvision is the only thing of ours that runs.
LOAD = """
import sys
from ticket_hub.vision import import_with_torchvision
timm = import_with_torchvision("timm")
import torch
model = timm.create_model(f"hf-hub:{sys.argv[1]}", pretrained=True)
torch.save(model.state_dict(), sys.argv[2])
"""


@pytest.mark.slow  # with each change `core/bundle/test_timm.py` loads one that is not pushed
def test_plain_timm_loads_a_pushed_ticket(hub: RunningHub, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = {
        layer.name: torch.rand(layer.shape, generator=generator) < 0.5
        for layer in outline(ARCHITECTURE).layers
    }
    theta0 = initialize(ARCHITECTURE, NetworkSpec(name=NETWORK, init="kaiming-normal"), 0)
    content = BundleContent(
        recipe=load_recipe("digits-quick").replace(
            {
                "network.name": NETWORK,
                "data.name": "cifar10",
                "data.normalize": "standard",
                "search.trials": 1,
            }
        ),
        architecture=ARCHITECTURE,
        data=DataRecord(name="cifar10", fingerprint="0" * 64, mean=(0.5,) * 3, std=(0.2,) * 3),
        environment={"torch": str(torch.__version__)},
        trials=(TrialContent(index=0, seed=0, theta0=theta0),),
        levels=(LevelContent(index=1, masks=(mask,), curves=(), backends=()),),
    )
    write_bundle(tmp_path / "bundle", content)
    server = connect(hub.endpoint, token=hub.token)
    repo = f"{server.api.whoami()['name']}/timm-{uuid.uuid4().hex[:6]}"  # type: ignore[attr-defined]
    push(server, tmp_path / "bundle", repo)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, repo, str(tmp_path / "state.pt")],
        env={
            **os.environ,
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": hub.token,
            "HF_HOME": str(tmp_path / "huggingface"),
        },
        check=True,
        capture_output=True,
    )
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    expected = open_bundle(tmp_path / "bundle").model()
    assert expected is not None
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=0)
    for name, keep in mask.items():
        assert bool((state[name][~keep] == 0).all())
