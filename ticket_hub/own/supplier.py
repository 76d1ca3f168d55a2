"""What an author's own loop gives to a search: the network, its gradients, and what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ticket_hub.bundle.manifest_records import DataRecord
from ticket_hub.errors import RunMismatchError
from ticket_hub.networks.own_function import check_same
from ticket_hub.own.environment import environment_of
from ticket_hub.own.gradients import LossGradients
from ticket_hub.own.network import OwnNetwork
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import PartialRecipe
from ticket_hub.recipe.own import OwnLoop
from ticket_hub.runs.folder import Header, RunFolder
from ticket_hub.runs.resources import Resources
from ticket_hub.search.level_trainer import Supplier
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

__all__ = ["OwnSupplier"]


class OwnSupplier(Supplier):
    """Stands where our trainer stands in other searches; training itself is the author's."""

    recipe: PartialRecipe

    def __init__(
        self,
        recipe: PartialRecipe,
        resources: Resources,
        network: OwnNetwork,
        loop: OwnLoop,
        gradients: LossGradients,
        *,
        packages: Sequence[str],
    ) -> None:
        self.recipe, self.resources = recipe, resources
        self.network, self.loop, self._gradients = network, loop, gradients
        self._packages, self._same_script = packages, True

    @property
    def environments(self) -> Sequence[dict[str, str]]:
        """What is known of this process: versions, and those of the packages that were named."""
        return [environment_of(self._packages)]

    @property
    def is_exact(self) -> bool:
        """Whether the script is the one that the run was begun with."""
        return self._same_script

    @property
    def data_fingerprint(self) -> None:
        """Nobody has computed it."""
        return

    def demand_same(self, folder: RunFolder) -> None:
        """Refuse to go on with another network, metric, data or settings than before.

        Raises:
            NetworkError: the function builds another network.
            RunMismatchError: a setting has changed, or the folder holds another search.
        """
        header = folder.read_header()
        if header is None:
            return
        before = header.own
        if before is None:
            raise RunMismatchError(
                f"{folder.path} holds a search that was trained by Ticket Hub itself.",
                "Name another folder.",
            )
        check_same(header.tensors, self.network.tensors)
        pairs = {
            "metric": (before.metric, self.loop.metric),
            "data": (before.data, self.loop.data),
            **{
                f"settings[{key!r}]": (before.settings.get(key), self.loop.settings.get(key))
                for key in sorted({*before.settings, *self.loop.settings})
            },
        }
        for name, (old, new) in pairs.items():
            if old != new:
                raise RunMismatchError(
                    f"{folder.path} was begun with {name} = {old!r}, and now it is {new!r}.",
                    "Give what the run was begun with, or name another folder.",
                )
        digests = [(loop.script_sha256, loop.network_sha256) for loop in (before, self.loop)]
        self._same_script = digests[0] == digests[1]
        self.loop = before

    def layers(self, architecture: Architecture) -> tuple[PrunableLayer, ...]:
        """What may be pruned of the author's network."""
        del architecture
        return self.network.layers

    def unmarked(self, architecture: Architecture) -> Mapping[str, int]:
        """Matrices of the author's network that no mask reaches: name -> how many numbers."""
        del architecture
        return self.network.unmarked

    def header(self) -> Header:
        """What a new run is about."""
        return Header(
            recipe=self.recipe,
            architecture=self.network.architecture,
            data=DataRecord(name=self.loop.data, fingerprint=None, mean=None, std=None),
            own=self.loop,
            layers=self.network.layers,
            tensors=self.network.tensors,
        )

    def initial(self, architecture: Architecture, seed: int) -> Weights:
        """The weights of one trial at iteration 0."""
        del architecture
        return self.network.initial(seed)

    def measured(
        self, architecture: Architecture, seed: int, weights: Weights, need: str, mask: Mask
    ) -> Weights:
        """Gradients of the author's loss over the author's batches."""
        del architecture, need  # the only one that is not refused beforehand
        return self._gradients.at(masked(weights, mask), seed)
