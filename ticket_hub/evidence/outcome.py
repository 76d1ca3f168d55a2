"""What was measured of one ticket or control, in the order of its trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ticket_hub.errors import EvidenceError
from ticket_hub.recipe.own import is_trained

__all__ = ["Outcome"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was measured of one ticket or control, in the order of the trials.

    Attributes:
        accuracy: on the test set at the early stop, in [0, 1]; of a rule with another metric its
            values.
        early_stop: the iteration of the early stop.
        stops_early: False of an author's own loop that read no validation loss: `early_stop` is
            then its last iteration.
        measured: other numbers of each trial that an author's own loop gave, by its names.
        starts: digests of what each network began with; empty where that is not known.
        tickets: of which ticket each trial is, by any name; empty where that is not known.
        draws: how many networks each value is the mean of: a control that was drawn several times
            for every ticket; see `averaged`.
    """

    accuracy: Sequence[float]
    early_stop: Sequence[int] | Sequence[float]
    starts: Sequence[str] = ()
    tickets: Sequence[str] = ()
    stops_early: bool = True
    measured: Mapping[str, Sequence[float]] = field(default_factory=dict)
    draws: int = 1

    @property
    def is_trained(self) -> bool:
        """Whether any of the networks was trained for longer than one iteration."""
        return is_trained(max(self.early_stop), stops_early=self.stops_early)

    def averaged(self, trials: Sequence[int]) -> Outcome:
        """The same with the draws of each trial averaged, so that n counts trials.

        Several draws of a control for one ticket share that ticket, and are no further trials. With
        as many draws for each ticket, the paired t-test of the tickets' means is the exact test of
        the mixed model in which tickets are random and draws are nested in them; n x m pairs would
        take the draws' agreement for knowledge about tickets. Early stops are compared as ratios,
        and their mean is geometric.

        Args:
            trials: of each value, which repetition.

        Raises:
            EvidenceError: a trial has more draws than another.
        """
        places: dict[int, list[int]] = {}
        for place, trial in enumerate(trials):
            places.setdefault(trial, []).append(place)
        draws = {len(each) for each in places.values()}
        if draws == {1} or not places:
            return self
        if len(draws) > 1:
            raise EvidenceError(
                "A control was not drawn equally often for each ticket.",
                "The same command again trains what is missing.",
            )

        def mean(values: Sequence[float]) -> tuple[float, ...]:
            """The mean of some values over the runs of each ticket."""
            return tuple(float(np.mean([values[at] for at in each])) for each in places.values())

        stops = mean([math.log(max(stop, 1)) for stop in self.early_stop])
        firsts = [each[0] for each in places.values()]
        return replace(
            self,
            accuracy=mean(self.accuracy),
            early_stop=tuple(map(math.exp, stops)),
            starts=tuple("+".join(self.starts[at] for at in each) for each in places.values())
            if self.starts
            else (),
            tickets=tuple(self.tickets[at] for at in firsts) if self.tickets else (),
            measured={name: mean(values) for name, values in self.measured.items()},
            draws=draws.pop(),
        )
