from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import prune

from tests.helpers.foreign import Executed, halved, random_state
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.networks import build
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

NAMED: dict[str, Any] = {"network": "lenet-6", "input_shape": (1, 4, 4), "classes": 3}
LENET = Architecture(name="lenet-6", channels=1, height=4, width=4, classes=3)


def pair() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    theta0 = random_state(build(LENET), 0)
    ones = {name: torch.ones_like(v) for name, v in theta0.items() if v.dim() == 2}
    return theta0, halved(ones, 1)


def save(tensors: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def sequential() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "kind", [torch.bool, torch.uint8, torch.int32, torch.float32, torch.float64]
)
def test_a_pair_of_files_comes_over_exactly(tmp_path: Path, suffix: str, kind: torch.dtype) -> None:
    theta0, mask = pair()
    start = save(theta0, tmp_path / f"theta0{suffix}")
    file = save({name: value.to(kind) for name, value in mask.items()}, tmp_path / f"mask{suffix}")
    import_tickets(start, tmp_path / "out", masks=(file,), **NAMED)
    assert verify_bundle(tmp_path / "out").holds
    ticket = Ticket.load(tmp_path / "out", level=1)
    assert all(torch.equal(ticket.theta0[name], value) for name, value in theta0.items())
    assert all(torch.equal(ticket.mask[name], value.bool()) for name, value in mask.items())


def test_masks_are_levels_in_their_order(tmp_path: Path) -> None:
    theta0, mask = pair()
    start = save(theta0, tmp_path / "theta0.pth")
    files = [save(mask, tmp_path / "m1.pth"), save(halved(mask, 2), tmp_path / "m2.pth")]
    manifest = import_tickets(start, tmp_path / "out", masks=tuple(files), start=100, **NAMED)
    assert [level.index for level in manifest.levels] == [0, 1, 2]
    assert manifest.trials[0].start == 100


def _nan(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    theta0["hidden.0.weight"][0, 0] = float("nan")


def _wide(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    theta0["hidden.0.weight"] = theta0["hidden.0.weight"].double() + 1e-12


def _half(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    mask["hidden.0.weight"] = mask["hidden.0.weight"] / 2


def _shape(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    mask["hidden.0.weight"] = torch.zeros(5, 16)


def _extra(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    theta0["hidden.1.weight"] = torch.ones(2, 2)


def _bias(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    mask["hidden.0.bias"] = torch.zeros(6)


def _masked(theta0: dict[str, Tensor], mask: dict[str, Tensor]) -> None:
    for name, keep in mask.items():
        theta0[name] = theta0[name] * keep


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_nan, "not finite"),
        (_wide, "cannot be kept exactly"),
        (_half, "beside 0 and 1"),
        (_shape, "fits no prunable layer"),
        (_extra, r"hidden\.1\.weight"),
        (_bias, "fits no prunable layer"),
        (_masked, "masked already"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(
    tmp_path: Path, damage: Callable[[dict[str, Tensor], dict[str, Tensor]], None], reason: str
) -> None:
    theta0, mask = pair()
    damage(theta0, mask)
    start, file = save(theta0, tmp_path / "theta0.pth"), save(mask, tmp_path / "mask.pth")
    with pytest.raises(ImportRefusedError, match=reason):
        import_tickets(start, tmp_path / "out", masks=(file,), **NAMED)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    theta0, mask = pair()
    start, file = save(theta0, tmp_path / "theta0.pth"), save(mask, tmp_path / "mask.pth")
    with pytest.raises(ImportRefusedError, match="not empty"):
        import_tickets(start, tmp_path, masks=(file,), **NAMED)


def test_a_network_must_be_named(tmp_path: Path) -> None:
    theta0, mask = pair()
    start, file = save(theta0, tmp_path / "theta0.pth"), save(mask, tmp_path / "mask.pth")
    with pytest.raises(ImportRefusedError, match="which network"):
        import_tickets(start, tmp_path / "out", masks=(file,))


def test_a_pruned_state_dict_comes_over_exactly(tmp_path: Path) -> None:
    module = sequential()
    for layer in (module[1], module[3]):
        prune.random_unstructured(layer, "weight", amount=0.5)
    saved = module.state_dict()
    torch.save(saved, tmp_path / "pruned.pth")
    import_tickets(tmp_path / "pruned.pth", tmp_path / "out", **NAMED)
    assert verify_bundle(tmp_path / "out").holds
    ticket = Ticket.load(tmp_path / "out", level=1)
    for index, name in ((1, "hidden.0"), (3, "output")):
        assert torch.equal(ticket.theta0[f"{name}.weight"], saved[f"{index}.weight_orig"])
        assert torch.equal(ticket.mask[f"{name}.weight"], saved[f"{index}.weight_mask"].bool())
        assert torch.equal(ticket.theta0[f"{name}.bias"], saved[f"{index}.bias"])
    images = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ticket.build()(images), module(images))


def test_theta0_of_a_pruned_state_dict_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    module = sequential()
    start = {name: value.clone() for name, value in module.state_dict().items()}
    torch.save(start, tmp_path / "theta0.pth")
    for layer in (module[1], module[3]):
        prune.random_unstructured(layer, "weight", amount=0.5)
        nn.init.ones_(layer.get_parameter("weight_orig"))
    torch.save(module.state_dict(), tmp_path / "pruned.pth")
    import_tickets(
        tmp_path / "pruned.pth", tmp_path / "out", theta0=tmp_path / "theta0.pth", **NAMED
    )
    ticket = Ticket.load(tmp_path / "out", level=1)
    assert torch.equal(ticket.theta0["output.weight"], start["3.weight"])


def test_weights_whose_pruning_was_made_permanent_are_refused(tmp_path: Path) -> None:
    torch.save(sequential().state_dict(), tmp_path / "pruned.pth")
    with pytest.raises(ImportRefusedError, match="X_orig"):
        import_tickets(tmp_path / "pruned.pth", tmp_path / "out", **NAMED)


@pytest.mark.parametrize(
    "content", [b"", b"no file", b"PK\x03\x04" + b"\x00" * 40, b"\x80\x02}q\x00.", b"\xff" * 64]
)
@pytest.mark.parametrize("name", ["theta0.pth", "theta0.safetensors"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    _, mask = pair()
    file = save(mask, tmp_path / "mask.pth")
    with pytest.raises(ImportRefusedError):
        import_tickets(tmp_path / name, tmp_path / "out", masks=(file,), **NAMED)


@pytest.mark.parametrize("container", ["zip", "none"])
def test_a_whole_pickled_module_is_refused(tmp_path: Path, container: str) -> None:
    torch.save(
        sequential(), tmp_path / "model.pth", _use_new_zipfile_serialization=container == "zip"
    )
    with pytest.raises(ImportRefusedError, match="Nothing in it was executed"):
        import_tickets(tmp_path / "model.pth", tmp_path / "out", **NAMED)


def test_a_bare_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    import pickle

    trap = tmp_path / "executed"
    (tmp_path / "theta0.pth").write_bytes(pickle.dumps({"weight": Executed(trap)}))
    with pytest.raises(ImportRefusedError):
        import_tickets(tmp_path / "theta0.pth", tmp_path / "out", **NAMED)
    assert not trap.exists()


def test_an_unknown_format_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="google, open-lth, pair, torch-prune, vita"):
        import_tickets(tmp_path, tmp_path / "out", form="tensorflow")


def test_a_folder_that_looks_like_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(ImportRefusedError, match="no system that is known"):
        import_tickets(tmp_path / "source", tmp_path / "out")


@pytest.mark.parametrize("form", ["google", "open-lth", "vita"])
def test_a_folder_of_another_system_is_refused(tmp_path: Path, form: str) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(ImportRefusedError):
        import_tickets(tmp_path / "source", tmp_path / "out", form=form)


@pytest.mark.parametrize("form", ["google", "open-lth", "pair", "torch-prune"])
def test_a_file_where_a_folder_belongs_and_the_other_way_is_refused(
    tmp_path: Path, form: str
) -> None:
    source = tmp_path / "source"
    if form in {"google", "open-lth"}:
        source.write_text("a file")
    else:
        source.mkdir()
    masks = (source,) if form == "pair" else ()
    with pytest.raises(ImportRefusedError):
        import_tickets(source, tmp_path / "out", form=form, masks=masks, **NAMED)
