"""Drives one group of members in one process, from its start or a checkpoint to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Generator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ticket_hub.data import DataSet, Part
from ticket_hub.errors import DivergedError, LayerCollapseError, StoppedError
from ticket_hub.recipe.axes import BACKENDS
from ticket_hub.training.backend import Backend
from ticket_hub.training.history import History
from ticket_hub.training.member import Member, MemberState, Progress, Trained
from ticket_hub.training.pace import CheckpointClock, Poll, StepPacer
from ticket_hub.training.pixels import cut
from ticket_hub.training.ranks import Team
from ticket_hub.training.sample import train_sample
from ticket_hub.training.shared_lane import SharedLanes
from ticket_hub.training.task import Task
from ticket_hub.types import Weights

__all__ = ["Drive"]

SLICE = {"cpu": 1000, "cuda": 10_000}
"""Examples that are evaluated without looking up in between."""

READ_SECONDS = 0.5
"""How long readings may stay on a CUDA device before the host asks for them."""


class Drive:
    """Trains one group to its end, once.

    A member that has run out of patience leaves the group: the rest goes on in a new backend from
    its states, which changes no bit of it, but for `stack` and `vmap` on a GPU.

    Processes that train together each drive the same task. They look up at the same iterations,
    so that all of them stop when one is asked to.
    """

    def __init__(
        self,
        data: DataSet,
        task: Task,
        observe: Callable[[list[Progress]], None],
        should_stop: Callable[[], bool] | None,
        team: Team | None = None,
    ) -> None:
        self._data, self._task, self._observe = data, task, observe
        self._training = task.training
        self._device, self._team = data.device, team
        self._poll, self._pace = Poll(_wish(should_stop, team)), StepPacer(self._device, team)
        self._clock = CheckpointClock(task.checkpoint_seconds)
        # All or none: `plan.divide` gives resumed members tasks of their own.
        states: Sequence[MemberState | None] = task.states or [None] * len(task.members)
        self._histories = [
            History.resumed(member, state, task.snapshots)
            for member, state in zip(task.members, states, strict=True)
        ]
        self._active = list(self._histories)
        self._backend = self._make([history.member for history in self._histories])
        if task.states:
            self._backend.restore(task.states)
        self._sample = train_sample(data, task.training)
        self._parked: Sequence[MemberState] = []
        self._pending: list[tuple[int, Tensor]] = []
        self._last_flush = time.monotonic()

    def _make(self, members: Sequence[Member]) -> Backend:
        if self._team is not None:
            return SharedLanes(
                self._task.architecture, self._data, self._training, members, self._team
            )
        kind: type[Backend] = BACKENDS[self._task.backend]
        return kind(self._task.architecture, self._data, self._training, members)

    def run(self) -> list[Trained]:
        """Train all members, and give back their results in the order of the task.

        Raises:
            DivergedError: a loss is not finite; the others' states are kept first.
            LayerCollapseError: a mask that shrinks would lose a layer; all states are kept first.
            StoppedError: asked to stop; all states are kept first.
        """
        pieces = self.pieces()
        while True:
            try:
                next(pieces)
            except StopIteration as ended:
                results: list[Trained] = ended.value
                return results

    def pieces(self) -> Generator[None, None, list[Trained]]:
        """As `run`, giving way after each piece of about half a second."""
        done: dict[str, Trained] = {}
        while True:
            # Before anybody leaves: patience and the end are judged by the readings of this
            # iteration.
            at = self._backend.iteration
            # First: a snapshot or a reading here is of the weights that training goes on with.
            self._prune(at)
            # A resumed group begins where it was stopped, and may have done here what is due.
            missing = at in self._task.snapshots and at not in self._active[0].snapshots
            if missing:
                for history, weights in zip(self._active, self._backend.weights(), strict=True):
                    history.snapshots[at] = weights
                del weights  # a generator keeps its names for as long as it trains
            start, end = self._task.members[0].start, self._training.iterations
            is_reading = at % self._training.evaluate_every == 0 or at in {start, end}
            if is_reading and not self._active[0].has_read(at):
                self._pending.append((at, self._read()))
                # Patience and chosen weights need a reading before the next step. All else can
                # wait, so that the host does not wait for the device.
                deciding = self._training.patience > 0 or self._training.test == "chosen"
                deciding = deciding or self._team is not None  # all of them see a lost loss at once
                waited = time.monotonic() - self._last_flush > READ_SECONDS
                if self._device.type == "cpu" or deciding or waited:
                    self._flush()
            self._take_out_finished(done)
            if not self._active:
                return [done[history.member.name] for history in self._histories]
            every = self._training.evaluate_every
            # Never past what is due in between: no backend can go back for a snapshot.
            due = [step for step in (*self._task.snapshots, *self._steps()) if step > at]
            stop = min((at // every + 1) * every, self._training.iterations, *due)
            # Train to there, looking up about twice a second.
            while self._backend.iteration < stop:
                steps = min(self._pace.steps, stop - self._backend.iteration)
                self._pace.begin()
                self._backend.train(self._backend.iteration + steps)
                self._pace.end(steps)
                # Between two pieces: a checkpoint is of a whole number of steps.
                if self._poll():
                    self._stop()
                if self._task.keeper is not None and self._clock.due():
                    self._checkpoint()
                yield

    def keep(self) -> None:
        """Save all states, where there is a keeper: another group cannot go on."""
        self._checkpoint()

    def _prune(self, at: int) -> None:
        """Let masks shrink, and go on in a new backend from the states of all members."""
        if at not in self._steps():
            return
        states = self._backend.states()
        del self._backend  # before the next, so that there is never memory for two
        try:
            self._parked = [
                each.pruned(at, state) for each, state in zip(self._active, states, strict=True)
            ]
        except LayerCollapseError:
            self._parked = states  # from which the others may go on without that level
            self._checkpoint()
            raise
        self._go_on_with([True] * len(self._active))

    def _steps(self) -> set[int]:
        gradual = [history.member.gradual for history in self._active]
        return {step for each in gradual if each is not None for step in each.steps}

    def _read(self) -> Tensor:
        """Validation and test readings of every member, then those of the training sample.

        Shapes:
            `(members, 4)`, or `(members, 6)` with a training sample; on the device.
        """
        validation = self._measure(self._backend, self._data.validation)
        # With "chosen" there is no curve of the test set that anybody could choose by.
        test = torch.full_like(validation, math.nan)
        if self._training.test == "curve":
            test = self._measure(self._backend, self._data.test)
        sample = [] if self._sample is None else [self._measure(self._backend, self._sample)]
        return torch.cat([validation, test, *sample], 1)

    def _measure(self, backend: Backend, part: Part) -> Tensor:
        total: Tensor | None = None
        # In slices: a stop ends within 10 seconds, and reading all of a test set may take longer.
        for piece in cut(part, SLICE.get(self._device.type, 1000)):
            # By its size, since a mean of means would give the last, shorter piece too much.
            values = backend.evaluate(piece) * len(piece)
            total = values if total is None else total + values
            if self._poll():
                self._stop()
        assert total is not None
        return total / len(part)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        self._last_flush = time.monotonic()
        for iteration, values in pending:
            rows = values.tolist()  # the host waits here for the device
            improved = [
                history.add(iteration, row) for history, row in zip(self._active, rows, strict=True)
            ]
            if self._training.test == "chosen" and any(improved):
                for history, better, weights in zip(
                    self._active, improved, self._backend.weights(), strict=True
                ):
                    if better:
                        history.chosen = weights
        if pending:
            lost = {h.member.name: h.lost_at for h in self._active if h.lost_at is not None}
            if lost:
                # Not theirs: nobody can go on from weights that are not finite.
                self._checkpoint(leave_out=lost)
                places = ", ".join(f"{name} at iteration {at}" for name, at in lost.items())
                raise DivergedError(
                    f"The loss is not finite: {places}.",
                    "Lower training.lr, or add training.warmup. What the other members have done "
                    "so far is kept.",
                )
            self._observe([self._progress(history) for history in self._active])

    def _progress(self, history: History) -> Progress:
        row = history.readings[-1]
        return Progress(
            member=history.member.name,
            iteration=self._backend.iteration,
            iterations=self._training.iterations,
            validation_accuracy=row[2],
            test_accuracy=row[4],
        )

    def _take_out_finished(self, done: dict[str, Trained]) -> None:
        at = self._backend.iteration
        ended = at >= self._training.iterations
        if ended:
            self._flush()
        leaving = [
            ended or history.out_of_patience(self._training.patience) for history in self._active
        ]
        if not any(leaving):
            return
        # While the backend is there: until all members are through, results are in memory alone.
        if self._task.keeper is not None and self._clock.due_at_the_end():
            self._checkpoint()
        weights = self._backend.weights()
        # for who stays, and where the test set is read now, which a stop may interrupt
        kept = not all(leaving) or self._training.test == "chosen"
        states = self._backend.states() if kept else []
        self._parked, kind, at = states, self._backend.name, self._backend.iteration
        del self._backend  # before the next, so that there is never memory for two
        for history, leaves, trained in zip(self._active, leaving, weights, strict=True):
            if leaves:
                if self._training.test == "chosen":
                    self._read_chosen(history, trained)
                done[history.member.name] = Trained(
                    weights=trained,
                    curves=history.curves(),
                    snapshots=history.snapshots,
                    iterations=at,
                    backend=kind,
                    # Elsewhere the mask is the one that the caller gave.
                    mask=history.member.mask if history.member.gradual is not None else None,
                    settled=history.settled,
                )
        self._go_on_with([not leaves for leaves in leaving])

    def _read_chosen(self, history: History, weights: Weights) -> None:
        """Read the test set once, with the weights of the validation minimum."""
        chosen = history.chosen if history.chosen is not None else weights
        judge = self._make([replace(history.member, weights=chosen)])
        history.best[3:5] = self._measure(judge, self._data.test)[0].tolist()

    def _go_on_with(self, staying: list[bool]) -> None:
        states = [state for state, stays in zip(self._parked, staying, strict=False) if stays]
        self._active = [h for h, stays in zip(self._active, staying, strict=True) if stays]
        self._parked = []
        if self._active:
            self._backend = self._make([history.member for history in self._active])
            self._backend.restore(states)

    def _checkpoint(self, leave_out: Container[str] = ()) -> None:
        if self._task.keeper is None:
            return
        began = time.monotonic()
        # A state must hold every reading up to its iteration: what was passed is not read again.
        if self._pending:
            self._flush()
        # While one backend replaces another there is none to ask: the states are parked.
        for history, bare in zip(self._active, self._parked or self._backend.states(), strict=True):
            if history.member.name not in leave_out:
                self._task.keeper.save(history.member.name, history.state(bare))
        self._clock.saved(time.monotonic() - began)

    def _stop(self) -> None:
        self._checkpoint()
        at = self._parked[0].iteration if self._parked else self._backend.iteration
        raise StoppedError(
            f"Training was stopped at iteration {at}.",
            "What was done so far is kept; run the same command again to go on."
            if self._task.keeper is not None
            else "Nothing was kept, since no checkpoints were asked for.",
        )


def _wish(should_stop: Callable[[], bool] | None, team: Team | None) -> Callable[[], bool] | None:
    """Asks all processes, where several train together."""
    if team is None:
        return should_stop
    return lambda: team.any(should_stop is not None and should_stop())
