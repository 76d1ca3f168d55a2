"""Evidence that was made with the tickets of a bundle: who trained which, and what each came to.

It names the bundle, the tickets and every trial, and who says so, where and when. Means, intervals
and verdicts are computed from the trials. `record_reading` reads and writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.plugin_records import PluginRecord
from ticket_hub.bundle.strict import MAX_LENGTH, one_line
from ticket_hub.evidence import Outcome, Rule, Verdict, judge_family
from ticket_hub.evidence.rule import USUAL
from ticket_hub.recipe.experiment_spec import DENSE, TICKET, ExperimentSpec, OwnExperimentSpec
from ticket_hub.recipe.spec import LATER

__all__ = [
    "MAX_CURVES",
    "MAX_LENGTH",
    "MAX_READINGS",
    "About",
    "ExperimentRecord",
    "ExperimentSubject",
    "LevelResults",
    "TrialCurve",
    "TrialResult",
    "altered_trial",
    "one_line",
]

MAX_READINGS = 40
"""Of a curve in a record."""
MAX_CURVES = 128
"""In a record, about 100 kB; one of more networks has none."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trained network; the fields are those of `ticket_hub.transfer.result.Result`.

    `start` is empty where nobody wrote down what the network began with. `stops_early` and
    `measured` are as in `ticket_hub.evidence.Outcome`. `draw` counts the draws of a control that
    was drawn several times for each trial.
    """

    trial: int
    origin: int
    ticket: str
    order_seed: int
    seed: int | None
    kept: int
    prunable: int
    backend: str
    test_accuracy: float
    early_stop: int
    start: str = ""
    stops_early: bool = field(default=True, metadata=LATER)
    measured: Mapping[str, float] = field(default_factory=dict, metadata=LATER)
    draw: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, kw_only=True)
class TrialCurve:
    """Some readings of one network while it trained, columns as in `metrics.json`.

    Accuracies are fractions, or values of the metric of an author's own loop; None where
    nothing was read.

    Shapes:
        all `(readings,)`, by rising iteration; at most `MAX_READINGS`.
    """

    iterations: tuple[int, ...]
    validation_accuracy: tuple[float | None, ...]
    test_accuracy: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkResults:
    """The ticket or one control, in the order of the trials.

    Attributes:
        curves: of each trial, or of none.
    """

    trials: tuple[TrialResult, ...]
    curves: tuple[TrialCurve, ...] = field(default=(), metadata=LATER)

    @property
    def density(self) -> float:
        """Kept weights over prunable weights of the whole network, mean over the trials."""
        return sum(each.kept / each.prunable for each in self.trials) / len(self.trials)

    @property
    def outcome(self) -> Outcome:
        """What was measured, the draws of each trial averaged."""
        starts = tuple(each.start for each in self.trials)
        found = Outcome(
            starts=starts if all(starts) else (),
            accuracy=tuple(each.test_accuracy for each in self.trials),
            early_stop=tuple(each.early_stop for each in self.trials),
            tickets=tuple(each.ticket for each in self.trials),
            stops_early=any(each.stops_early for each in self.trials),
            measured={
                name: tuple(each.measured[name] for each in self.trials)
                for name in self.trials[0].measured
                if all(name in each.measured for each in self.trials)
            },
        )
        return found.averaged([each.trial for each in self.trials])


@dataclass(frozen=True, kw_only=True)
class LevelResults:
    """What was trained at one level.

    Attributes:
        head: what became of the output layer.
        transferred_density: density over the layers that came from the ticket.
        networks: by name, `ticket` among them.
    """

    level: int
    head: str
    transferred_density: float
    networks: Mapping[str, NetworkResults]

    def ordered(self) -> dict[str, NetworkResults]:
        """The ticket first and the dense network last, as `ticket retrain` words its reasons."""
        order = {TICKET: 0, DENSE: 2}
        names = sorted(self.networks, key=lambda name: (order.get(name, 1), name))
        return {name: self.networks[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class ExperimentSubject:
    """Whose tickets were trained: their bundle, and what they were found by."""

    bundle: str
    found_on: str
    network: str
    recipe: str
    recipe_digest: str


@dataclass(frozen=True, kw_only=True)
class ExperimentRecord:
    """An experiment with the tickets of a bundle.

    Attributes:
        spec: what decided every result.
        tickets: whose.
        levels: what each came to.
        who: who says so.
        when: the last network was trained, as `2026-01-31T12:00:00Z`; empty where nobody said.
        environment: machine and versions.
        bit_exact: False once the run was resumed in another environment.
        rule: by what it was judged: margin, alpha, and the comparisons of the same command that
            are not in the record.
        iterations_in_all: of each network, those behind its starting weights too; empty where the
            record does not say.
        plugins: what it used that is not built in, controls too; see `plugin_records`.
    """

    spec: ExperimentSpec | OwnExperimentSpec
    tickets: ExperimentSubject
    levels: tuple[LevelResults, ...]
    who: str
    when: str
    environment: Mapping[str, str]
    bit_exact: bool
    rule: Rule = USUAL
    iterations_in_all: Mapping[str, int] = field(default_factory=dict)
    plugins: tuple[PluginRecord, ...] = ()

    @property
    def stops_early(self) -> bool:
        """False of an author's own loop that read no validation loss."""
        return any(
            each.outcome.stops_early for level in self.levels for each in level.networks.values()
        )

    def verdicts(self, rule: Rule | None = None) -> dict[int, Verdict]:
        """What it supports, by level; all levels are one family.

        Args:
            rule: to judge by; by default the record's own.
        """
        cases = []
        for level in self.levels:
            outcomes = {name: each.outcome for name, each in level.ordered().items()}
            cases.append((outcomes.pop(TICKET), outcomes))
        found = judge_family(cases, rule or self.rule)
        return {level.level: each for level, each in zip(self.levels, found, strict=True)}

    def usual_verdicts(self) -> dict[int, Verdict]:
        """What it supports by the margin and alpha that everybody's evidence is compared by.

        Whoever wrote the record chose its own rule: by that, words of two records say two things.
        """
        usual = Rule.of(self.rule.metric)
        return self.verdicts(replace(self.rule, margin=usual.margin, alpha=usual.alpha))

    def marked(self, *, who: str = "", when: str = "") -> ExperimentRecord:
        """The same, saying who made it and when; an empty text leaves what it says."""
        return replace(self, who=one_line(who) or self.who, when=when or self.when)

    def supersedes(self, other: ExperimentRecord) -> bool:
        """Whether the other says nothing that this one of the same person does not say.

        An experiment does not name its controls: the same one with others, at other levels or
        with more trials is evidence beside this.
        """

        def trained(record: ExperimentRecord) -> set[tuple[int, str, int, int]]:
            return {
                (level.level, name, trial.trial, trial.draw)
                for level in record.levels
                for name, network in level.networks.items()
                for trial in network.trials
            }

        own, others = ((each.spec, each.who, each.environment) for each in (self, other))
        return own == others and trained(self) >= trained(other)

    def altered(self, other: ExperimentRecord) -> str:
        """What of a record that this takes the place of was other; empty where nothing was."""
        if not (self.supersedes(other) and self.bit_exact and other.bit_exact):
            return ""
        return altered_trial(self.trials(), other.trials())

    def trials(self) -> dict[int, dict[str, list[dict[str, Any]]]]:
        """Level -> network -> its trials as plain values."""
        return {
            level.level: {
                name: [asdict(each) for each in network.trials]
                for name, network in level.networks.items()
            }
            for level in self.levels
        }


def altered_trial(
    first: Mapping[int, Mapping[str, Sequence[Mapping[str, Any]]]],
    second: Mapping[int, Mapping[str, Sequence[Mapping[str, Any]]]],
) -> str:
    """A network that came to two things, as words; empty where there is none.

    Args:
        first, second: level -> network -> trials as `TrialResult` has them, of one experiment in
            one environment: what begins and is trained alike there comes to the same bits.
    """
    alike = ("trial", "draw", "origin", "ticket", "order_seed", "seed", "start", "kept", "backend")

    def by_start(trials: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
        """The trials by all that decides what they come to."""
        return {tuple(each.get(name) or 0 for name in alike): each for each in trials}

    for level, networks in first.items():
        for name, trials in networks.items():
            others = by_start(second.get(level, {}).get(name, ()))
            for key, one in by_start(trials).items():
                other = others.get(key, one)
                pairs = {what: (one[what], other[what]) for what in ("test_accuracy", "early_stop")}
                for what, (here, there) in pairs.items():
                    if here != there:
                        where = f"{name} of level {level}, trial {one['trial']}"
                        return f"{what.replace('_', ' ')} of {where} is {here:.6g}, not {there:.6g}"
    return ""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a record must be about.

    Attributes:
        bundle: its id.
        network, found_on: as in its manifest.
        tickets: by level and trial, the ids of all tickets.
    """

    bundle: str
    network: str
    found_on: str
    tickets: Mapping[int, Mapping[int, str]]

    @classmethod
    def of(cls, manifest: Manifest) -> About:
        """The tickets of a bundle."""
        return cls(
            bundle=manifest.id,
            network=manifest.architecture.name,
            found_on=manifest.data.name,
            tickets={
                level.index: {each.trial: each.id for each in level.tickets}
                for level in manifest.levels
            },
        )
