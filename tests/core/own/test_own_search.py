from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ticket_hub
from tests.helpers.own_loops import Net, data, loss, train, walk
from tests.helpers.runs import files
from ticket_hub.bundle import config, open_bundle, verify_bundle
from ticket_hub.errors import (
    BundleFormatError,
    EvidenceError,
    NetworkError,
    PruningError,
    RunLockedError,
    RunMismatchError,
    TrainingError,
)
from ticket_hub.own import Search, Step
from ticket_hub.recipe import PruningSpec
from ticket_hub.ticket import Ticket

BUILT = Net()
Make = Callable[..., Search]


def test_a_search_walks_through_every_trial_of_every_level_and_leaves_a_bundle(
    search: Make,
) -> None:
    wanted = search()
    steps = list(walk(wanted))
    assert [(step.level, step.trial) for step in steps] == [
        (level, trial) for level in range(3) for trial in range(2)
    ]
    assert [round(step.density, 4) for step in steps[::2]] == [1.0, 0.8125, 0.6458]
    assert {step.iterations for step in steps} == {6}
    assert all(step.rewound == (step.level > 0) for step in steps)
    assert verify_bundle(wanted.bundle).holds
    assert list(wanted) == []


def test_a_step_begins_masked_and_rewound_and_the_mask_holds(search: Make) -> None:
    first: dict[int, dict[str, torch.Tensor]] = {}
    for step in search():
        state = {name: value.clone() for name, value in step.module.state_dict().items()}
        theta0 = first.setdefault(step.trial, state)
        for name, keep in step.mask.items():
            assert torch.equal(state[name], theta0[name] * keep)
        step.finish(test=train(step))
        assert all(not step.module.state_dict()[n][~keep].any() for n, keep in step.mask.items())
    assert not torch.equal(first[0]["0.weight"], first[1]["0.weight"])


def test_each_step_draws_from_seeded_generators_whatever_ran_before(search: Make) -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(()).item()  # noqa: NPY002

    def walked(wanted: Search) -> dict[tuple[int, int], tuple[float, float, float]]:
        seen = {}
        for step in wanted:
            seen[step.level, step.trial] = draws()
            random.seed()
            torch.seed()
            step.finish(test=0.5)
        return seen

    begun = iter(search(levels=1))
    next(begun)
    before = draws()
    begun.close()  # type: ignore[attr-defined]
    seen = walked(search(levels=1))
    assert seen[0, 0] == before
    assert len(set(seen.values())) == len(seen) == 4


def test_a_run_that_ends_at_any_step_goes_on_to_the_same_bytes(
    search: Make, tmp_path: Path
) -> None:
    list(walk(search(folder=tmp_path / "straight"), point=None))
    for wanted in range(6):
        for number, step in enumerate(search()):
            score = train(step)
            if number == 0 and wanted % 2:
                break  # in the middle of a step: the next walk does it again
            step.finish(test=score)
            break
    list(walk(search()))
    assert files(tmp_path / "run") == files(tmp_path / "straight")


def test_survivors_go_back_to_the_step_that_the_loop_has_kept(search: Make) -> None:
    wanted = search(rewind="2it")
    starts = [(step.level, step.start) for step in walk(wanted, point=2)]
    assert starts == [(0, 0), (0, 0), (1, 2), (1, 2), (2, 2), (2, 2)]
    bundle = open_bundle(wanted.bundle)
    assert [trial.start for trial in bundle.manifest.trials] == [2, 2]
    initial = wanted.network.initial(0)
    assert not torch.equal(bundle.theta0(0)["0.weight"], initial["0.weight"])
    assert verify_bundle(wanted.bundle).holds


def test_without_rewinding_training_goes_on_from_the_pruned_weights(search: Make) -> None:
    before: dict[int, torch.Tensor] = {}
    for step in search(rewind="none"):
        weight = step.module.state_dict()["0.weight"]
        if step.level:
            assert not step.rewound
            assert torch.equal(weight, before[step.trial] * step.mask["0.weight"])
        step.finish(test=train(step))
        before[step.trial] = step.module.state_dict()["0.weight"].clone()


def test_the_early_stop_is_read_from_what_was_reported(search: Make) -> None:
    wanted = search(levels=1)
    for step in wanted:
        for iteration, (value, test) in enumerate([(3.0, 0.1), (1.0, 0.7), (2.0, 0.9)]):
            step.report(10 * iteration, validation_loss=value, test=test)
        step.finish()
    evidence = open_bundle(wanted.bundle).evidence(1)
    assert evidence is not None
    assert (evidence.test_accuracy.mean, evidence.early_stop.mean) == (0.7, 10.0)


def test_a_criterion_that_needs_gradients_takes_the_authors_loss(search: Make) -> None:
    spec = PruningSpec(criterion="gradient-magnitude")
    with pytest.raises(PruningError, match="needs gradients of your loss"):
        search(pruning=spec)
    with pytest.raises(PruningError, match="needs gradients of your loss"):
        search(pruning=spec, loss=loss, batches=iter([data()]))
    wanted = search(pruning=spec, loss=loss, batches=[data()], levels=1)
    states = {}
    for step in wanted:
        step.finish(test=train(step))
        states[step.level, step.trial] = step
    module: Any = Net()
    module.load_state_dict(states[0, 0].module.state_dict())
    loss(module, data()).backward()
    layer = module[0].weight
    score = (layer * layer.grad).abs().flatten()
    kept = states[1, 0].mask["0.weight"].flatten()
    assert score[~kept].max() <= score[kept].min()


def test_more_levels_go_on_and_another_setting_is_refused(search: Make) -> None:
    list(walk(search(levels=1, settings={"lr": 0.1})))
    for changes, about in (
        ({"settings": {"lr": 0.2}}, r"settings\['lr'\] = 0.1, and now it is 0.2"),
        ({"settings": {"lr": 0.1}, "data": "others"}, "data = 'own data'"),
        ({"settings": {"lr": 0.1}, "seed": 7}, "holds a run of"),
    ):
        with pytest.raises(RunMismatchError, match=about):
            next(iter(search(levels=1, **changes)))
    with pytest.raises(NetworkError, match=r"'0.bias' was float32 \[8\] and is .*\[9\]"):
        next(iter(search(make_network=lambda: Net(9), settings={"lr": 0.1})))
    assert [step.level for step in walk(search(levels=2, settings={"lr": 0.1}))] == [2, 2]


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (Net(), "built already"),
        (nn.ReLU, "no prunable layer"),
        (lambda: BUILT, "the same module at every call"),
        (lambda: Net, "gives a type"),
        (lambda: 1 // 0, "failed: ZeroDivisionError"),
        (lambda: nn.LazyLinear(3), "has no shape yet"),
        (lambda: Net().to(torch.bfloat16), "cannot be in a bundle"),
    ],
)
def test_a_function_that_builds_no_network_of_tickets_is_refused(
    search: Make, make: Callable[[], nn.Module], about: str
) -> None:
    with pytest.raises(NetworkError, match=about):
        search(make_network=make)


def test_n_of_m_inputs_of_a_transposed_convolution_are_refused(search: Make) -> None:
    for rates, refused in (({"conv": 0.5, "fc": 0.5}, True), ({"fc": 0.5}, False)):
        pruning = PruningSpec(granularity="2:4", rates=rates)
        expected = pytest.raises(PruningError, match="is of a transposed convolution")
        with expected if refused else contextlib.nullcontext():
            search(make_network=upward, pruning=pruning)


def upward() -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(4, 4, 2), nn.Flatten(), nn.Linear(100, 3))


def net(step: Step) -> Any:  # noqa: ANN401 - its parts by place
    return step.module


def replaced_layer(step: Step) -> None:
    net(step)[0] = nn.Linear(4, 8)


def replaced_parameter(step: Step) -> None:
    net(step)[0].weight = nn.Parameter(torch.zeros(8, 4))


def diverged(step: Step) -> None:
    with torch.no_grad():
        net(step)[0].bias.fill_(float("nan"))


def grown_back(step: Step) -> None:
    with torch.no_grad():
        net(step)[0].weight.fill_(1.0)


@pytest.mark.parametrize(
    ("what", "about"),
    [
        (replaced_layer, "replaced the parameter '0.weight'"),
        (replaced_parameter, "replaced the parameter '0.weight'"),
        (diverged, "'0.bias' holds NaN"),
        (grown_back, "that the mask drops are not 0"),
    ],
)
def test_a_loop_that_did_not_train_what_it_was_given_loses_that_step_alone(
    search: Make, what: Callable[[Step], None], about: str
) -> None:
    steps = iter(search())
    for _ in range(3):
        step = next(steps)
        if step.level == 0:
            step.finish(test=0.5)
    what(step)
    with pytest.raises(TrainingError, match=about):
        step.finish(test=0.5)
    steps.close()  # type: ignore[attr-defined]
    assert next(iter(search())).level == 1


def test_finish_is_called_once_with_numbers_that_can_be(search: Make) -> None:
    steps = iter(search())
    step = next(steps)
    for measured, about in (
        ({"test": float("nan")}, "test cannot be nan"),
        ({"test": 1.5}, "in .0, 1."),
        ({"test": 0.5, "other": float("inf")}, "other cannot be inf"),
        ({"validation": 0.5}, "was not measured"),
        ({"test": None}, "test is no number, but NoneType"),
        ({"test": 0.5, "loss": torch.ones(2)}, "loss is no number, but Tensor"),
        ({"test": 0.5, "a\nb": 1.0}, "cannot be called"),
        ({"test": 0.5, **dict.fromkeys(map(str, range(32)), 1.0)}, "too many numbers: 33"),
        ({"test": 0.5, "accuracy": 0.5}, "given twice"),
    ):
        with pytest.raises(TrainingError, match=about):
            step.finish(**measured)
    with pytest.raises(TrainingError, match="validation_loss is no number"):
        step.report(1, validation_loss=None)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="does not rewind"):
        step.rewind_point()
    step.finish(test=0.5)
    with pytest.raises(TrainingError, match="finished already"):
        step.finish(test=0.5)
    second = next(steps)
    with pytest.raises(RunLockedError):
        next(iter(search()))
    with pytest.raises(TrainingError, match=r"level 0, trial 1 .* was not finished"):
        next(steps)
    with pytest.raises(TrainingError, match="is over"):
        second.finish(test=0.5)
    assert next(iter(search())).trial == 1


def test_a_rewinding_point_that_was_not_kept_is_missed(search: Make) -> None:
    step = next(iter(search(rewind="2it")))
    with pytest.raises(TrainingError, match="rewinding point of level 0 was not kept"):
        step.finish(test=0.5)
    step.rewind_point()
    with pytest.raises(TrainingError, match="kept already"):
        step.rewind_point()
    step.finish(test=0.5)


def test_a_bundle_says_who_trained_it_and_what_is_theirs_to_do(found: Path, tmp_path: Path) -> None:
    bundle = open_bundle(found / "bundle")
    own = bundle.manifest.own
    assert own is not None
    assert own.network == "own_loops.py"
    card = (bundle.path / "README.md").read_text()
    assert "by the author's own loop, which is theirs to repeat" in card
    with pytest.raises(EvidenceError, match="theirs to repeat"):
        ticket_hub.replay_bundle(bundle.path)
    with pytest.raises(EvidenceError, match="own loop"):
        ticket_hub.retrain(bundle.path)
    ticket = Ticket.load(bundle.path, level=2)
    with pytest.raises(NetworkError, match="its author's own function"):
        ticket.build()
    module = ticket.build(Net)
    assert torch.equal(
        module.state_dict()["0.weight"], ticket.theta0["0.weight"] * ticket.mask["0.weight"]
    )
    ticket.save_pretrained(tmp_path / "one")
    assert verify_bundle(tmp_path / "one").holds
    assert Ticket.load(tmp_path / "one").id == ticket.id


def test_its_config_states_no_sizes_and_earlier_ones_that_did_are_read(
    found: Path, tmp_path: Path
) -> None:
    manifest = open_bundle(found / "bundle").manifest
    table = json.loads((found / "bundle/config.json").read_text())
    assert set(table) == {"architecture", "model_args", "ticket"}
    earlier = table | {
        "num_classes": 1,
        "pretrained_cfg": config._pretrained(manifest, fixed=False),
    }
    config.check(json.dumps(earlier).encode(), manifest)
    with pytest.raises(BundleFormatError):
        config.check(json.dumps(earlier | {"num_classes": 2}).encode(), manifest)


def test_its_bundle_goes_through_a_hub(found: Path, tmp_path: Path) -> None:
    ticket_hub.push_bundle(found / "bundle", "ann/own", hub=tmp_path / "hub")
    pulled = ticket_hub.pull_bundle("ann/own:2", hub=tmp_path / "hub")
    assert verify_bundle(pulled.folder, partial=True).holds
    assert Ticket.load(pulled.folder, level=2).id == Ticket.load(found, level=2).id


def test_it_is_a_run_like_others(found: Path) -> None:
    (run,) = ticket_hub.list_runs(found.parent)
    assert (run.state, run.levels, run.trials) == ("finished", 3, 3)
    assert run.bundle == found / "bundle"
