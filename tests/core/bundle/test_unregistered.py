"""A bundle whose network is registered elsewhere: what needs no network is checked all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.helpers.bundle_forging import forge_file, put_together, take_apart
from ticket_hub.bundle import BundleContent, LevelContent, TrialContent, verify_bundle, write_bundle
from ticket_hub.errors import NetworkError
from ticket_hub.hub import connect, push
from ticket_hub.networks import build, outline, register
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe import Recipe
from ticket_hub.recipe.axes import NETWORKS
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

OWN = Architecture(name="somebodys-own", channels=1, height=4, width=4, classes=3)


@pytest.fixture
def own() -> Iterator[None]:
    """The network, as long as its bundle is written."""

    @register("somebodys-own")
    def made(architecture: Architecture) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))

    yield
    NETWORKS._known.pop("somebodys-own", None)


@pytest.fixture(params=["dense", "survivors"])
def strange(
    request: pytest.FixtureRequest, own: None, tmp_path: Path, content: BundleContent
) -> Path:
    """Its bundle, where nobody has registered the network."""
    whole = full_mask(outline(OWN).layers)
    sparse = {
        name: torch.arange(keep.numel()).view(keep.shape) % 3 == 0 for name, keep in whole.items()
    }
    theta0 = build(OWN).state_dict()
    assert isinstance(content.recipe, Recipe)
    recipe = content.recipe.replace(
        {"network.name": OWN.name, "search.trials": 1, "search.levels": 1}
    )
    parts = {
        "recipe": recipe,
        "architecture": OWN,
        "trials": (TrialContent(index=0, seed=0, theta0=theta0),),
        "levels": tuple(
            LevelContent(
                index=index,
                masks=(mask,),
                curves=content.levels[index].curves[:1],
                backends=("plain",),
            )
            for index, mask in enumerate((whole, sparse))
        ),
    }
    write_bundle(tmp_path / "strange", BundleContent(**vars(content) | parts), theta0=request.param)
    assert verify_bundle(tmp_path / "strange").unchecked == ()
    NETWORKS._known.pop("somebodys-own")
    outline.cache_clear()
    return tmp_path / "strange"


def test_everything_but_the_network_is_checked_and_what_is_not_is_said(strange: Path) -> None:
    report = verify_bundle(strange)
    assert report.holds, report.failures
    assert len(report.unchecked) == 1
    assert "'somebodys-own'" in report.unchecked[0]
    names = [check.name for check in report.checks]
    assert {"ticket of level 1, trial 0", "nesting of trial 0", "evidence"} <= set(names)
    with pytest.raises(NetworkError, match="somebodys-own"):
        Ticket.load(strange).build()


def test_pushing_it_is_allowed(strange: Path, tmp_path: Path) -> None:
    pushed = push(connect(tmp_path / "hub"), strange, "ann/own")
    assert "theta0/0.safetensors" in pushed.uploaded


@pytest.mark.parametrize("name", ["theta0/0.safetensors", "masks/0/1.safetensors"])
@pytest.mark.parametrize("how", ["byte", "resealed", "shape", "missing"])
def test_its_faults_are_found_without_the_network(strange: Path, name: str, how: str) -> None:
    data = (strange / name).read_bytes()
    (strange / name).chmod(0o644)
    if how == "byte":
        (strange / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "missing":
        (strange / name).unlink()
    else:
        header, body = take_apart(data)
        if how == "shape":
            header["1.weight"]["shape"] = [1, *header["1.weight"]["shape"]]
        else:
            body = bytes([body[0] ^ 1]) + body[1:]
        forge_file(strange, name, put_together(header, body))
    report = verify_bundle(strange)
    assert not report.holds
    assert all("not registered" not in each.problem for each in report.failures)
