"""How often the rules of claims give a false word, with measurements as they really are.

Early stops lie on a coarse grid, are skewed and end with the budget; accuracies are shares of a
finite test set; measures of analyses come from their own code, of masks and values that chance
made. `test_rule` has the same for normal differences.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ticket_hub.analysis.degrees.compute import excess
from ticket_hub.analysis.movement.compute import MEASURES as MOVEMENT
from ticket_hub.analysis.movement.compute import measure_movement
from ticket_hub.analysis.values.compute import bimodality
from ticket_hub.claims import Statement, decide
from ticket_hub.evidence import Contrast, contrast
from ticket_hub.evidence.statistics import one_sided
from ticket_hub.evidence.verdict import Outcome
from ticket_hub.shapes import Float64

TIMES = 20_000
LEVEL = 0.025
NOISE = 3 * (LEVEL * (1 - LEVEL) / TIMES) ** 0.5
"""Three standard errors of a simulated rate."""
MOST = 0.05
"""What is promised of a false `reproduced`."""

Drawing = Callable[[np.random.Generator, tuple[int, ...]], Float64[np.ndarray, "..."]]


def rates(differences: Float64[np.ndarray, "times n"], bound: float = 0.0) -> tuple[float, float]:
    """How often one statement is shown, and how often its opposite."""
    better, worse = one_sided(differences, bound)
    return float((better < LEVEL).mean()), float((worse < LEVEL).mean())


def stops(
    typical: float, drawn: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
) -> Drawing:
    """Logarithms of early stops, read every 100 iterations of 10,000."""

    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Of the shape asked for."""
        stopped = 100 * np.round(typical * np.exp(drawn(random, shape)) / 100)
        return np.asarray(np.log(np.clip(stopped, 1, 10_000)))

    return draw


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of the spread that early stops of LeNets have between trials."""
    return random.normal(0.0, 0.25, shape)


def skewed(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of the same spread, with a tail of late stops; its skewness is 1."""
    return random.gamma(4.0, 0.125, shape) - 0.5


STOPS = {
    "usual": stops(3000, normal),
    "a few readings": stops(300, normal),
    "at the end of the budget": stops(9000, normal),
    "late stops": stops(3000, skewed),
}


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("kind", STOPS)
def test_networks_that_stop_alike_are_rarely_called_sooner(kind: str, n: int) -> None:
    random = np.random.default_rng(n)
    first, second = (STOPS[kind](random, (TIMES, n)) for _ in range(2))
    assert max(rates(second - first)) <= LEVEL + NOISE


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_tail_on_one_side_alone_keeps_the_promise(n: int) -> None:
    """Both sides have one geometric mean, and only one has late stops."""
    random = np.random.default_rng(n)
    usual, late = STOPS["usual"], STOPS["late stops"]
    ratio = float((late(random, (400_000,)) - usual(random, (400_000,))).mean())
    differences = late(random, (TIMES, n)) - usual(random, (TIMES, n)) - ratio
    assert max(rates(differences)) <= MOST


def test_five_trials_show_a_ratio_of_two_and_three_rarely_do() -> None:
    """Twice as early, at the usual spread: log 2 is two spreads of a paired difference."""
    shown = {}
    for n in (3, 5, 10):
        random = np.random.default_rng(n)
        first, second = STOPS["usual"](random, (TIMES, n)), stops(6000, normal)(random, (TIMES, n))
        shown[n] = rates(second - first)[0]
    assert shown[3] < 0.6
    assert shown[5] > 0.85
    assert shown[10] > 0.999


def _contrast(pair: tuple[Outcome, Outcome], _: Statement, confidence: float) -> Contrast:
    return contrast(*pair, pairing="seed", confidence=confidence)


def test_the_rule_decides_early_stops_as_the_tests_of_their_logarithms() -> None:
    random = np.random.default_rng(0)
    statement = Statement(says="", measure="sooner", first="a:ticket@1", second="b:dense", above=1)
    words = set()
    for _ in range(40):
        logs = STOPS["usual"](random, (5,)), stops(4500, normal)(random, (5,))
        first, second = (
            Outcome(accuracy=[0.9] * 5, early_stop=np.exp(side).round().astype(int).tolist())
            for side in logs
        )
        word, _ = decide([statement], functools.partial(_contrast, (first, second)))
        better, worse = one_sided(logs[1] - logs[0])
        expected = "reproduced" if better < LEVEL else "not decided"
        assert word == ("not reproduced" if worse < LEVEL else expected)
        words.add(word)
    assert words >= {"reproduced", "not decided"}


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("accuracy", [0.98, 0.999])
def test_networks_that_are_equally_accurate_are_rarely_told_apart(n: int, accuracy: float) -> None:
    """Shares of 10,000 test examples: accuracies, and what noise or a gap is measured by."""
    random = np.random.default_rng(n)
    first, second = random.binomial(10_000, accuracy, (2, TIMES, n)) / 10_000
    assert max(rates(first - second)) <= LEVEL + NOISE


def _chance(generator: torch.Generator, share: float) -> torch.Tensor:
    return torch.rand(60, 40, generator=generator) < share


def _concentration(generator: torch.Generator) -> float:
    mask = _chance(generator, 0.1)
    outgoing, incoming = excess(mask.sum(0), 60), excess(mask.sum(1), 40)
    assert outgoing is not None
    assert incoming is not None
    return outgoing - incoming


def _further(generator: torch.Generator) -> float:
    start = {"a": torch.zeros(60, 40)}
    end = {"a": torch.randn(60, 40, generator=generator)}
    mask = {"a": _chance(generator, 0.1)}
    result = measure_movement([start], [end], [mask], iterations=1, source="search")
    return MOVEMENT["further"].values(result, "a", "movement.further")[0]


def _bimodality(generator: torch.Generator) -> float:
    """A thousand uniform values: the bound itself, 5/9."""
    found = bimodality(torch.rand(1000, generator=generator))
    assert found is not None
    return found - 5 / 9


MEASURED = {"degrees": _concentration, "movement": _further, "values": _bimodality}


@functools.cache
def measured(name: str) -> Float64[np.ndarray, " tickets"]:
    """What the code of an analysis says of tickets whose masks and values are chance alone."""
    generator = torch.Generator().manual_seed(1)
    return np.array([MEASURED[name](generator) for _ in range(250)])


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("name", MEASURED)
def test_what_chance_made_is_rarely_called_more_than_chance(name: str, n: int) -> None:
    pool = measured(name)
    drawn = np.random.default_rng(n).choice(pool, (TIMES, n))
    assert max(rates(drawn)) <= MOST


def test_masks_that_are_concentrated_are_seen_by_five_trials() -> None:
    """A third of the inputs keeps twice what the others keep."""
    generator = torch.Generator().manual_seed(2)
    share = torch.where(torch.arange(40) < 13, 0.15, 0.075)
    found = []
    for _ in range(40):
        mask = torch.rand(60, 40, generator=generator) < share
        outgoing, incoming = excess(mask.sum(0), 60), excess(mask.sum(1), 40)
        assert outgoing is not None
        assert incoming is not None
        found.append(outgoing - incoming)
    drawn = np.random.default_rng(0).choice(np.array(found), (TIMES, 5))
    assert rates(drawn)[0] > 0.8
