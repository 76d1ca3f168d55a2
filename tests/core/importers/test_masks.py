"""Masks of an import: whose layer each is, and whether levels are a ladder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from tests.helpers.foreign import halved, random_state, write_google
from ticket_hub.bundle import verify_bundle
from ticket_hub.bundle.packing import pack
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.interop.importers.naming import bare_names
from ticket_hub.networks import build
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

State = dict[str, Tensor]

NAMED: dict[str, Any] = {"network": "lenet-6", "input_shape": (1, 4, 4), "classes": 3}
LENET = Architecture(name="lenet-6", channels=1, height=4, width=4, classes=3)
ONES = {"hidden.0.weight": torch.ones(6, 16), "output.weight": torch.ones(3, 6)}


def bring(folder: Path, *masks: State, theta0: State | None = None) -> Any:  # noqa: ANN401 - a manifest
    torch.save(theta0 or random_state(build(LENET), 0), folder / "theta0.pth")
    files = []
    for index, mask in enumerate(masks, 1):
        files.append(folder / f"m{index}.pth")
        torch.save(mask, files[-1])
    return import_tickets(folder / "theta0.pth", folder / "out", masks=tuple(files), **NAMED)


def said(manifest: Any) -> str:  # noqa: ANN401 - a manifest
    return " ".join(origin.source for origin in manifest.lineage)


def refused(folder: Path, *masks: State, match: str, theta0: State | None = None) -> str:
    with pytest.raises(ImportRefusedError, match=match) as caught:
        bring(folder, *masks, theta0=theta0)
    assert not (folder / "out").exists()
    return caught.value.remedy


def renamed(state: State, rename: Callable[[str], str]) -> State:
    return {rename(name): value for name, value in state.items()}


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"model.{name}",
        lambda name: f"backbone.net.{name}",
        lambda name: name.replace("hidden.0", "hidden.module.0"),
        lambda name: f"_fsdp_wrapped_module.{name}".replace("0.", "0._fsdp_wrapped_module."),
    ],
)
def test_wrappers_of_a_module_are_seen_through(
    tmp_path: Path, rename: Callable[[str], str]
) -> None:
    theta0, mask = random_state(build(LENET), 0), halved(ONES, 1)
    for weights, masks in ((theta0, renamed(mask, rename)), (renamed(theta0, rename), mask)):
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        bring(place, masks, theta0=weights)
        ticket = Ticket.load(place / "out", level=1)
        assert all(torch.equal(ticket.mask[name], keep.bool()) for name, keep in mask.items())
        assert all(torch.equal(ticket.theta0[name], value) for name, value in theta0.items())


@pytest.mark.parametrize("ending", ["_mask", ".mask"])
@pytest.mark.parametrize("stem", [str, lambda name: name.removesuffix(".weight")])
def test_a_mask_may_be_called_by_its_weight_or_its_layer(
    tmp_path: Path, ending: str, stem: Callable[[str], str]
) -> None:
    mask = halved(ONES, 1)
    bring(tmp_path, renamed(mask, lambda name: stem(name) + ending))
    ticket = Ticket.load(tmp_path / "out", level=1)
    assert all(torch.equal(ticket.mask[name], keep.bool()) for name, keep in mask.items())


def test_masks_are_matched_with_weights_that_were_matched_by_order(tmp_path: Path) -> None:
    theta0 = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)).state_dict()
    names = {"hidden.0.weight": "module.1.weight_mask", "output.weight": "module.3.weight_mask"}
    mask = halved(ONES, 1)
    bring(tmp_path, renamed(mask, names.__getitem__), theta0=dict(theta0))
    ticket = Ticket.load(tmp_path / "out", level=1)
    assert all(torch.equal(ticket.mask[name], keep.bool()) for name, keep in mask.items())


def test_two_names_never_become_one() -> None:
    names = ["module.fc.weight", "fc.weight"]
    assert bare_names(names, {"fc.weight"}) == {name: name for name in names}


def test_a_compiled_and_pruned_module_comes_over(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3))
    for layer in (module[1], module[3]):
        prune.random_unstructured(layer, "weight", amount=0.5)
    state = renamed(dict(module.state_dict()), lambda name: f"_orig_mod.module.{name}")
    torch.save({"net": state, "acc": 91.2, "epoch": 3}, tmp_path / "last.ckpt")
    import_tickets(tmp_path / "last.ckpt", tmp_path / "out", **NAMED)
    assert Ticket.load(tmp_path / "out", level=1).density == 0.5


def test_a_mask_of_the_other_direction_says_so(tmp_path: Path) -> None:
    mask = halved(ONES, 1)
    mask["hidden.0.weight"] = mask["hidden.0.weight"].T.contiguous()
    refused(tmp_path, mask, match=r"transposed: of shape \(16, 6\)")


def test_weights_of_the_other_direction_say_so(tmp_path: Path) -> None:
    theta0 = random_state(build(LENET), 0)
    theta0["output.weight"] = theta0["output.weight"].T.contiguous()
    refused(tmp_path, halved(ONES, 1), theta0=theta0, match="'output.weight' is transposed")


def test_packed_and_flattened_masks_say_so(tmp_path: Path) -> None:
    packed = {name: pack(keep.bool()) for name, keep in ONES.items()}
    refused(tmp_path, packed, match="beside 0 and 1|packed into bits")
    zeros = {name: torch.zeros_like(keep) for name, keep in packed.items()}
    refused(tmp_path, zeros, match="packed into bits")
    flat = {name: keep.flatten() for name, keep in ONES.items()}
    refused(tmp_path, flat, match="flattened")


def test_scores_are_no_mask_and_the_first_is_shown(tmp_path: Path) -> None:
    refused(tmp_path, {name: keep * 0.37 for name, keep in ONES.items()}, match="such as 0.37")


def test_masks_of_layers_that_are_not_there_are_refused_even_where_they_drop_nothing(
    tmp_path: Path,
) -> None:
    refused(tmp_path, {"conv1.weight": torch.ones(6, 1, 3, 3)}, match="no such parameter")
    refused(tmp_path, {**ONES, "conv1.weight": torch.ones(2, 2)}, match=r"'conv1\.weight' in m1")
    refused(tmp_path, {"output.weight": torch.ones(3, 7)}, match=r"of shape \(3, 7\)")
    refused(tmp_path, {"output.bias": torch.ones(3)}, match="no mask of a layer")


def test_a_parametrized_module_is_refused_with_what_to_do(tmp_path: Path) -> None:
    module = build(LENET)
    for layer in [part for part in module.modules() if isinstance(part, nn.Linear)]:
        parametrizations.weight_norm(layer)
    remedy = refused(
        tmp_path, halved(ONES, 1), theta0=dict(module.state_dict()), match="parametrized"
    )
    assert "remove_parametrizations" in remedy


def test_masks_that_are_not_nested_are_refused_by_level_and_layer(tmp_path: Path) -> None:
    remedy = refused(tmp_path, halved(ONES, 1), ONES, match="level 2 keeps .* that level 1 dropped")
    assert "densest first" in remedy


def test_masks_of_other_systems_are_checked_as_well(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1", levels=3)
    for part in (tmp_path / "trial1/1/same_init/masks").iterdir():
        part.rename(tmp_path / part.name)
        (tmp_path / "trial1/2/same_init/masks" / part.name).rename(part)
        (tmp_path / part.name).rename(tmp_path / "trial1/2/same_init/masks" / part.name)
    with pytest.raises(ImportRefusedError, match="level 2 keeps"):
        import_tickets(tmp_path / "trial1", tmp_path / "out")


def test_a_mask_that_keeps_nothing_is_refused(tmp_path: Path) -> None:
    zeros = {name: keep * 0 for name, keep in ONES.items()}
    assert "turn it round" in refused(tmp_path, halved(ONES, 1), zeros, match="level 2 keeps no")


def test_a_layer_that_keeps_nothing_and_a_level_that_drops_nothing_are_said(tmp_path: Path) -> None:
    collapsed = {**ONES, "output.weight": torch.zeros(3, 6)}
    manifest = bring(tmp_path, ONES, collapsed)
    assert "Level 1 drops no weight." in said(manifest)
    assert "Level 2 keeps no weight of output.weight: layer collapse." in said(manifest)
    assert verify_bundle(tmp_path / "out").holds


def test_levels_that_are_missing_are_said(tmp_path: Path) -> None:
    for trial, levels in ((1, 5), (2, 4)):
        write_google(tmp_path / f"data/trial{trial}", levels=levels, seed=trial)
        for part in (tmp_path / f"data/trial{trial}/2/same_init/masks").iterdir():
            part.unlink()
        (tmp_path / f"data/trial{trial}/2/same_init/masks").rmdir()
    manifest = import_tickets(tmp_path / "data", tmp_path / "out")
    assert [level.index for level in manifest.levels] == [0, 1, 3]
    assert "Levels that not all trials have were left out: 4." in said(manifest)
    assert "no mask of the levels before its last: 2." in said(manifest)
