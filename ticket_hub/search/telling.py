"""What a search says in sentences while it runs: layers in danger, damaged checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticket_hub.pruning.coverage import thin_layers
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.runs.level import Level
from ticket_hub.search.ladder import Ladder
from ticket_hub.training import Member
from ticket_hub.training.checkpoint import FolderKeeper

__all__ = ["Teller"]

MAX_TOLD = 5


class Teller:
    """Says each thing once.

    Args:
        tell: takes a sentence; None listens to nothing.
    """

    def __init__(self, ladder: Ladder, tell: Callable[[str], None] | None) -> None:
        self._ladder, self._listener = ladder, tell
        self._told: set[str] | None = None

    def tell_damage(self, keeper: FolderKeeper, members: Sequence[Member]) -> None:
        """Name the checkpoints that cannot be used."""
        for name in (file for member in members for file in keeper.damaged(member.name)):
            self._tell(
                f"The checkpoint {name} is damaged and was skipped; an earlier state is used."
            )

    def tell_whole(self) -> None:
        """Say once, before anything is trained, what of the network is never pruned."""
        if self._told is None:
            self._told = set()
            for sentence in self._ladder.never_pruned:
                self._tell(sentence)

    def tell_settled(self, level: Level) -> None:
        """Say when masks were taken that were drawn until they settled."""
        found = [trial.trained.settled for trial in level.trials]
        if any(each is not None for each in found):
            places = ", ".join("none" if each is None else f"{each:,}" for each in found)
            done = max(trial.trained.iterations for trial in level.trials)
            self._tell(
                f"Level {level.index}: masks were taken at iterations {places} of {done:,}, once "
                "they had settled or pruning.end was reached."
            )

    def tell_thin(self, level: Level) -> None:
        """Name the layers that this level, and none before, has all but emptied."""
        assert self._told is not None, "a level is told about after its training began"
        kept = [kept_by_layer(trial.mask) for trial in level.trials]
        least = {name: min(each[name] for each in kept) for name in kept[0]}
        thin = thin_layers(self._ladder.layers, least)
        fresh = [about for name, about in thin.items() if name not in self._told]
        self._told |= set(thin)
        for about in fresh[:MAX_TOLD]:
            self._tell(f"Level {level.index}: {about}")
        if len(fresh) > MAX_TOLD:
            self._tell(
                f"Level {level.index}: {len(fresh) - MAX_TOLD} more layers are like that; "
                f"`ticket show RUN:{level.index}` marks them."
            )

    def _tell(self, sentence: str) -> None:
        if self._listener is not None:
            self._listener(sentence)
