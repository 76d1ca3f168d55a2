"""An own loop of two processes that train together by DistributedDataParallel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.ranks import together
from ticket_hub.bundle import open_bundle, verify_bundle

SCRIPT = """
import json, os, sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import ticket_hub
from ticket_hub.content_id import content_digest

torch.set_num_threads(1)
distributed.init_process_group("gloo")
rank = distributed.get_rank()
x = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
y = (x.sum(1) > 0).long()


def make_network():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


seen = []
search = ticket_hub.own.Search(make_network, levels=2, trials=2, folder=sys.argv[1])
for step in search:
    module = DistributedDataParallel(step.module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x[rank::2]), y[rank::2]).backward()
        optimizer.step()
    right = (step.module(x).argmax(1) == y).double().mean().item()
    state = {name: value.detach() for name, value in step.module.state_dict().items()}
    seen.append([step.level, step.trial, content_digest(step.mask), content_digest(state)])
    if len(sys.argv) > 2 and len(seen) == int(sys.argv[2]):
        os._exit(9)  # as a machine that dies, in the middle of a level
    step.finish(test=right, validation=right)
Path(f"{sys.argv[1]}-{rank}.json").write_text(json.dumps(seen))
distributed.destroy_process_group()
"""


def test_two_processes_walk_through_the_same_steps_and_one_writes(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(SCRIPT)
    assert together(tmp_path / "loop.py", str(tmp_path / "run")) == [(0, ""), (0, "")]
    first, second = (json.loads((tmp_path / f"run-{rank}.json").read_text()) for rank in range(2))
    assert first == second, "masks and trained weights are the same in both"
    assert [step[:2] for step in first] == [
        [level, trial] for level in range(3) for trial in (0, 1)
    ]
    bundle = open_bundle(tmp_path / "run/bundle")
    assert verify_bundle(bundle.path).holds
    assert len(bundle.manifest.levels) == 3


@pytest.mark.slow
def test_killed_and_called_again_they_go_on_to_the_same_bundle(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(SCRIPT)
    assert together(tmp_path / "loop.py", str(tmp_path / "whole")) == [(0, ""), (0, "")]
    assert together(tmp_path / "loop.py", str(tmp_path / "cut"), "4") == [(9, ""), (9, "")]
    assert together(tmp_path / "loop.py", str(tmp_path / "cut")) == [(0, ""), (0, "")]
    whole, cut = (open_bundle(tmp_path / name / "bundle") for name in ("whole", "cut"))
    assert [level.tickets for level in whole.manifest.levels] == [
        level.tickets for level in cut.manifest.levels
    ]
