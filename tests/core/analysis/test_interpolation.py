from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import ticket_hub
from tests.helpers.pretended_cuda import PretendedCuda
from ticket_hub.analysis.interpolation.compute import MEASURES
from ticket_hub.analysis.interpolation.line import (
    Interpolation,
    Line,
    barrier,
    measure_interpolation,
    read_line,
    shares,
    straight_line,
)
from ticket_hub.analysis.interpolation.reading import WeightReader
from ticket_hub.data import DataSet, Part, load
from ticket_hub.errors import RecipeError, StoppedError
from ticket_hub.evidence import paired_difference
from ticket_hub.networks import build as build_network
from ticket_hub.networks import initialize
from ticket_hub.recipe import DataSpec, NetworkSpec, Recipe, TrainingSpec
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.training import Member, train
from ticket_hub.types import Architecture, Weights

TRAINING = TrainingSpec(iterations=10, batch_size=10, optimizer="sgd", lr=0.1)


def two_wells(weights: Weights) -> tuple[float, float]:
    """A loss with minima at -1 and 1, and every answer wrong within 1/2 of 0."""
    w = float(weights["w"])
    return (w * w - 1) ** 2, float(abs(w) < 0.5)


def test_two_known_minima_have_a_known_barrier() -> None:
    ends = {"w": torch.tensor(-1.0)}, {"w": torch.tensor(1.0)}
    line = read_line(*ends, two_wells)
    assert len(line.errors) == len(shares()) == 30
    assert line.error_barrier == 1.0
    assert line.loss_barrier == pytest.approx((1 - (1 / 29) ** 2) ** 2)


def test_identical_ends_have_no_barrier() -> None:
    end = {"w": torch.tensor(0.3)}
    line = read_line(end, end, two_wells)
    assert (line.error_barrier, line.loss_barrier) == (0.0, 0.0)


def test_a_barrier_is_above_the_mean_of_the_ends_and_never_below_nothing() -> None:
    assert barrier([0.1, 0.5, 0.3]) == pytest.approx(0.3)
    assert barrier([0.2, 0.0, 0.2]) == 0.0
    assert barrier([0.4, 0.1, 0.2]) == pytest.approx(0.1)


def test_the_ends_are_exact_and_counts_are_the_first_s() -> None:
    first = {"w": torch.tensor([0.1, 0.7]), "n": torch.tensor(3)}
    second = {"w": torch.tensor([0.3, -0.9]), "n": torch.tensor(8)}
    assert torch.equal(straight_line(first, second, 0.0)["w"], first["w"])
    assert torch.equal(straight_line(first, second, 1.0)["w"], second["w"])
    middle = straight_line(first, second, 0.5)
    assert torch.allclose(middle["w"], torch.tensor([0.2, -0.1]))
    assert middle["n"] == 3


def dots() -> DataSet:
    """Images of two pixels: class 0 has the left one lit, class 1 the right one."""
    images = torch.tensor([[255, 0], [0, 255]], dtype=torch.uint8).repeat(50, 1).view(-1, 1, 1, 2)
    part = Part(inputs=images, labels=torch.arange(100) % 2)
    return DataSet(
        spec=DataSpec(name="digits"),
        train=part,
        validation=part,
        test=part,
        classes=2,
        mean=torch.zeros(1),
        std=torch.ones(1),
        fingerprint="dots",
    )


def test_a_network_and_its_permutation_have_a_barrier_in_the_middle_alone() -> None:
    """Two hidden units change places: half way both are 0, and every image is called class 0."""
    network = Architecture(name="lenet-2", channels=1, height=1, width=2, classes=2)
    first = {
        "hidden.0.weight": torch.tensor([[4.0, -4.0], [-4.0, 4.0]]),
        "hidden.0.bias": torch.zeros(2),
        "output.weight": torch.eye(2),
        "output.bias": torch.zeros(2),
    }
    second = first | {
        "hidden.0.weight": first["hidden.0.weight"].flip(0),
        "output.weight": first["output.weight"].flip(1),
    }
    read = WeightReader(network, dots(), TRAINING, seed=0)
    assert read.statistics_examples == 0
    line = read_line(first, second, read, points=31)
    assert [error for error in line.errors if error] == [0.5]
    assert line.error_barrier == 0.5
    assert line.loss_barrier == pytest.approx(math.log(2) - math.log1p(math.exp(-4)))
    assert read_line(first, second, read, points=30).error_barrier == 0.0


def test_statistics_of_norms_are_those_of_the_weights_and_not_of_the_ends() -> None:
    data = load(DataSpec(name="digits", validation=300), Path())
    network = Architecture(name="resnet-8", channels=1, height=8, width=8, classes=10)
    weights = initialize(network, NetworkSpec(name="resnet-8"), 0)
    read = WeightReader(network, data, TRAINING, seed=0)
    assert read.statistics_examples == len(data.train)
    spoilt = {
        name: value + 3 if name.endswith("running_mean") else value
        for name, value in weights.items()
    }
    assert read(weights) == read(spoilt)
    estimated = {name: value for name, value in read.module.state_dict().items() if "norm" in name}
    module = build_network(network)
    module.load_state_dict(weights)
    first = module.get_submodule("conv")(data.train.inputs.float() / 255)
    measured = estimated["norm.running_mean"]
    assert torch.allclose(measured, first.mean((0, 2, 3)), atol=2e-3)


def test_statistics_of_norms_are_estimated_on_a_gpu_without_waiting_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = load(DataSpec(name="digits", validation=300), Path())
    options = (("width", 1),)
    network = Architecture(
        name="resnet-8", options=options, channels=1, height=8, width=8, classes=10
    )
    weights = initialize(network, NetworkSpec(name="resnet-8"), 0)
    here = WeightReader(network, data, TRAINING, seed=0)(weights)
    with PretendedCuda(monkeypatch) as cuda:
        read = WeightReader(network, data.to("cuda:1"), TRAINING, seed=0)
        assert read(weights) == pytest.approx(here, abs=1e-4)
        cuda.syncs.clear()
        read(weights)
        assert cuda.syncs == ["copy_"], "the result alone is waited for"


def test_a_residual_network_is_read_with_statistics_of_its_own(tmp_path: Path) -> None:
    changes = {
        "network.name": "resnet-8",
        "network.options": {"width": 4},
        "training.iterations": 12,
        "training.evaluate_every": 12,
        "pruning.rates": {"conv": 0.2},
        "search.levels": 1,
        "search.trials": 1,
    }
    run = ticket_hub.find("digits-quick", changes=changes, run_folder=tmp_path / "run", workers=1)
    result = ticket_hub.analyze(
        f"{run.run}:1", only=["interpolation", "units"], folder=tmp_path / "out", workers=1
    )
    for finding in result.of("interpolation"):
        assert finding.result.statistics == "estimated anew"
        assert finding.result.statistics_examples == 1137
        assert len(finding.result.lines[0].errors) == 30
    (units,) = result.of("units")
    assert units.result.probed
    page = (tmp_path / "out/analysis.html").read_text()
    assert "statistics of norms estimated anew from 1,137 training examples" in page


def test_a_start_is_stable_where_the_whole_interval_is_below_the_threshold() -> None:
    def found(*barriers: float) -> str:
        lines = [
            Line(
                trial=trial,
                seeds=(1, 2),
                errors=(0.0, barrier, 0.0),
                losses=(0.0, 0.0, 0.0),
                error_barrier=barrier,
                loss_barrier=0.0,
            )
            for trial, barrier in enumerate(barriers)
        ]
        about = {"start": 0, "iterations": 1, "test_examples": 1, "statistics_examples": 0}
        result = measure_interpolation(lines, **about)
        assert build(Interpolation, to_table(result)) == result
        assert result.points == (0.0, 0.5, 1.0)
        return result.state

    assert found(0.001, 0.002, 0.003) == "stable"
    assert found(0.0, 0.0, 0.0) == "stable"
    assert found(0.3, 0.31, 0.32) == "not stable"
    assert found(0.001, 0.02, 0.05) == "not decided"
    assert found(0.001, 0.002) == "not decided"


def test_the_ends_of_a_line_are_what_training_gives(found: Path, tmp_path: Path) -> None:
    result = ticket_hub.analyze(
        f"{found}:5", only=["interpolation"], trials=2, folder=tmp_path, workers=1
    )
    assert [each.level for each in result.findings] == [0, 5]
    dense, ticket = (each.result for each in result.findings)
    assert [line.seeds for line in dense.lines] == [line.seeds for line in ticket.lines]
    assert len({seed for line in ticket.lines for seed in line.seeds}) == 4
    loaded = ticket_hub.Ticket.load(found / "bundle", level=5, trial=1)
    recipe = ticket_hub.open_bundle(found / "bundle").manifest.recipe
    member = Member(
        name="again",
        seed=ticket.lines[1].seeds[1],
        level=0,
        weights=loaded.theta0,
        mask=loaded.mask,
    )
    assert isinstance(recipe, Recipe)
    data = load(recipe.data, Path())
    (trained,) = train(loaded.architecture, data, recipe.training, [member], workers=1)
    assert 1 - ticket.lines[1].errors[-1] == pytest.approx(float(trained.curves.test_accuracy[-1]))
    assert ticket.lines[1].losses[-1] == pytest.approx(float(trained.curves.test_loss[-1]))


def test_every_two_of_three_orders_are_a_pair_and_n_counts_starts(
    found: Path, tmp_path: Path
) -> None:
    changes = {"training.iterations": 25}
    result = ticket_hub.analyze(
        f"{found}:5",
        only=["interpolation"],
        orders=3,
        changes=changes,
        folder=tmp_path,
        workers=1,
    )
    ticket: Interpolation = result.findings[-1].result
    trials = ticket.error_barrier.n
    assert (len(ticket.lines), ticket.pairs) == (3 * trials, 3)
    first, second, third = (line for line in ticket.lines if line.trial == 0)
    a, b, c = first.seeds[0], first.seeds[1], second.seeds[1]
    assert [first.seeds, second.seeds, third.seeds] == [(a, b), (a, c), (b, c)]
    means = [
        statistics.fmean(line.error_barrier for line in ticket.lines if line.trial == trial)
        for trial in range(trials)
    ]
    dips = MEASURES["dip"].values(ticket, "", "interpolation.dip")
    assert dips == pytest.approx([-100 * each for each in means])  # points of accuracy
    expected = paired_difference(means, [0.0] * trials)
    assert ticket.error_barrier.mean == pytest.approx(expected.mean)
    assert ticket.error_barrier.high == pytest.approx(expected.high)
    page = (tmp_path / "analysis.html").read_text()
    assert f"n = {trials} tickets, 3 pairs of orders each" in page
    with pytest.raises(RecipeError, match="no line between"):
        ticket_hub.analyze(f"{found}:5", only=["interpolation"], orders=1)


def test_a_stopped_analysis_goes_on_and_comes_to_the_same(found: Path, tmp_path: Path) -> None:
    asked: Iterator[bool] = iter([False] * 6 + [True] * 1000)

    def analyze(folder: str, **more: object) -> ticket_hub.AnalyzeResult:
        return ticket_hub.analyze(
            f"{found}:5",
            only=["interpolation"],
            trials=1,
            folder=tmp_path / folder,
            workers=1,
            **more,  # type: ignore[arg-type] # keywords of analyze
        )

    with pytest.raises(StoppedError):
        analyze("stopped", should_stop=lambda: next(asked))
    went_on, whole = analyze("stopped"), analyze("whole")
    assert [each.result for each in went_on.findings] == [each.result for each in whole.findings]
    assert not (tmp_path / "stopped/checkpoints").exists()
