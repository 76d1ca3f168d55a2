from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    LevelContent,
    TrialContent,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.networks import initialize, outline
from ticket_hub.pruning import full_mask, mask_handle
from ticket_hub.recipe import NetworkSpec, Recipe
from ticket_hub.types import Architecture
from ticket_hub.vision import import_with_torchvision


def timm_content(content: BundleContent, name: str, channels: int, size: int) -> BundleContent:
    architecture = Architecture(name=name, channels=channels, height=size, width=size, classes=7)
    generator = torch.Generator().manual_seed(0)
    mask = {
        layer: torch.rand(keep.shape, generator=generator) < 0.3
        for layer, keep in full_mask(outline(architecture).layers).items()
    }
    spec = NetworkSpec(name=name, init="kaiming-normal")
    data = DataRecord(
        name="cifar10", fingerprint="0" * 64, mean=(0.4,) * channels, std=(0.2,) * channels
    )
    assert isinstance(content.recipe, Recipe)
    recipe = content.recipe.replace(
        {
            "network.name": name,
            "data.name": data.name,
            "data.normalize": "standard",
            "search.trials": 1,
        }
    )
    return dataclasses.replace(
        content,
        recipe=recipe,
        architecture=architecture,
        data=data,
        trials=(TrialContent(index=0, seed=0, theta0=initialize(architecture, spec, 0)),),
        levels=(LevelContent(index=1, masks=(mask,), curves=(), backends=()),),
    )


@pytest.mark.parametrize(
    ("name", "channels", "size"),
    [("timm:resnet18", 1, 32), ("timm:vit_tiny_patch16_224", 3, 32)],
)
def test_plain_timm_loads_a_bundle_as_the_ticket_builds_itself(
    tmp_path: Path, content: BundleContent, name: str, channels: int, size: int
) -> None:
    write_bundle(tmp_path, timm_content(content, name, channels, size))
    timm = import_with_torchvision("timm")
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    ours = open_bundle(tmp_path).ticket().build().eval()
    images = torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(theirs(images), ours(images))
    assert tuple(theirs.pretrained_cfg["mean"]) == (0.4,) * channels
    assert tuple(theirs.pretrained_cfg["input_size"]) == (channels, size, size)


def test_timm_gets_no_pretrained_source_from_a_bundle(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, timm_content(content, "timm:resnet18", 3, 32))
    config = json.loads((tmp_path / "config.json").read_bytes())
    assert not {"url", "file", "hf_hub_id", "state_dict"} & set(config["pretrained_cfg"])
    assert set(config["model_args"]) == {"in_chans"}


def test_a_timm_bundle_holds(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, timm_content(content, "timm:resnet18", 3, 32))
    assert verify_bundle(tmp_path).holds


def test_a_built_ticket_keeps_its_mask_in_an_ordinary_training_loop(bundle: Path) -> None:
    ticket = open_bundle(bundle).ticket(2, 1)
    module = ticket.build()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, weight_decay=0.1)
    images = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(images), torch.arange(8) % 3).backward()
        optimizer.step()
    for name, value in module.named_parameters():
        if name in ticket.mask:
            assert not value[~ticket.mask[name]].any()
    assert not torch.equal(module.get_parameter("output.bias"), before["output.bias"])
    handle = mask_handle(module)
    assert handle is not None
    assert handle.density == ticket.density
