from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.foreign import Executed, halved, random_state
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.networks import build
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

CIFAR = {"channels": 3, "height": 32, "width": 32, "classes": 10}
RESNET = Architecture(name="small-resnet-18", **CIFAR)  # type: ignore[arg-type]
PREFIX = "module."


def checkpoint(
    state: int, theta0: dict[str, Tensor], mask: dict[str, Tensor], **changes: object
) -> dict[str, Any]:
    """What main_imp.py saves: plain names at state 0, pruned ones later, and all the rest."""
    weights: dict[str, Tensor] = {
        "normalize.mean": torch.tensor([0.4914, 0.4822, 0.4465]),
        "normalize.std": torch.tensor([0.2470, 0.2435, 0.2616]),
    }
    for name, value in theta0.items():
        trained = value * 1.5 if value.is_floating_point() else value
        if state and name in mask:
            weights |= {f"{name}_orig": trained, f"{name}_mask": mask[name]}
        else:
            weights[name] = trained
    return {
        "state": state,
        "result": {"train": [50.0, 60.0], "ta": [np.float64(55.0)], "test_ta": [54.0]},
        "epoch": 182,
        "state_dict": weights,
        "best_sa": np.float64(55.0),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        "scheduler": {"milestones": Counter([91, 136]), "gamma": 0.1, "last_epoch": 182},
        "init_weight": theta0,
        **changes,
    }


def prunable(theta0: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every convolution but conv1, as ones."""
    return {
        name: torch.ones_like(value)
        for name, value in theta0.items()
        if value.dim() == 4 and name != "conv1.weight"
    }


@pytest.fixture(scope="module")
def theta0() -> dict[str, Tensor]:
    return random_state(build(RESNET), 0)


def write(folder: Path, theta0: dict[str, Tensor], **changes: object) -> list[dict[str, Tensor]]:
    folder.mkdir()
    masks = [prunable(theta0)]
    for state in range(2):
        if state:
            masks.append(halved(masks[-1], state))
        torch.save(
            checkpoint(state, theta0, masks[-1], **changes), folder / f"{state}checkpoint.pth.tar"
        )
    return masks


def test_a_folder_of_states_comes_over_exactly(tmp_path: Path, theta0: dict[str, Tensor]) -> None:
    masks = write(tmp_path / "run", theta0)
    manifest = import_tickets(tmp_path / "run", tmp_path / "out")
    assert verify_bundle(tmp_path / "out").holds
    assert manifest.architecture.name == "small-resnet-18"
    assert sum(int(mask.numel()) for mask in masks[0].values()) == 11_157_504
    assert manifest.data.mean == pytest.approx((0.4914, 0.4822, 0.4465))
    ticket = Ticket.load(tmp_path / "out", level=1)
    for name, value in theta0.items():
        assert torch.equal(ticket.theta0[name], value)
    for name, keep in ticket.mask.items():
        wanted = masks[1].get(name)
        assert bool(keep.all()) if wanted is None else torch.equal(keep, wanted.bool())


def test_one_checkpoint_is_enough(tmp_path: Path, theta0: dict[str, Tensor]) -> None:
    write(tmp_path / "run", theta0)
    manifest = import_tickets(tmp_path / "run/1checkpoint.pth.tar", tmp_path / "out")
    assert [level.index for level in manifest.levels] == [0, 1]


def test_trained_weights_are_never_taken_for_the_start(
    tmp_path: Path, theta0: dict[str, Tensor]
) -> None:
    write(tmp_path / "run", theta0, init_weight=None)
    with pytest.raises(ImportRefusedError, match="init_weight"):
        import_tickets(tmp_path / "run", tmp_path / "out")


def test_rewound_weights_need_their_iteration(tmp_path: Path, theta0: dict[str, Tensor]) -> None:
    write(tmp_path / "run", theta0, init_weight=None)
    torch.save(theta0, tmp_path / "run/epoch_2_rewind_weight.pt")
    with pytest.raises(ImportRefusedError, match="epoch_2_rewind_weight"):
        import_tickets(tmp_path / "run", tmp_path / "out")
    manifest = import_tickets(tmp_path / "run", tmp_path / "out", start=782)
    assert manifest.trials[0].start == 782


def test_checkpoints_that_disagree_are_refused(tmp_path: Path, theta0: dict[str, Tensor]) -> None:
    masks = write(tmp_path / "run", theta0)
    other = {**theta0, "fc.bias": theta0["fc.bias"] + 1}
    torch.save(checkpoint(1, other, masks[1]), tmp_path / "run/1checkpoint.pth.tar")
    with pytest.raises(ImportRefusedError, match="disagree"):
        import_tickets(tmp_path / "run", tmp_path / "out")


def test_a_pickled_module_is_refused_and_runs_nothing(
    tmp_path: Path, theta0: dict[str, Tensor]
) -> None:
    trap = tmp_path / "executed"
    write(tmp_path / "run", theta0, scheduler=Executed(trap))
    with pytest.raises(ImportRefusedError, match="Nothing in it was executed"):
        import_tickets(tmp_path / "run", tmp_path / "out")
    assert not trap.exists()
