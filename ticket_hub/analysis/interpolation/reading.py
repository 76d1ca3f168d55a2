"""Loss and error of weights that nobody trained, statistics of norms estimated anew."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from ticket_hub.data import DataSet, normalized
from ticket_hub.networks import build, with_fresh_statistics
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.pixels import floats
from ticket_hub.training.plain import EVALUATION_BATCH
from ticket_hub.training.readings import read_logits
from ticket_hub.training.settings import autocast, deliberate, on_device
from ticket_hub.types import Architecture, Weights

__all__ = ["STATISTICS_EXAMPLES", "WeightReader"]

STATISTICS_EXAMPLES = 5000
"""Training examples that the statistics of norms between two networks are measured on."""
STATISTICS_BATCH = 500
"""Examples of one forward pass; more of them fall out of a processor's cache."""


class WeightReader:
    """Reads weights on the test set, in one module on the device of the data.

    Norms with running statistics get new ones for every weights: the mean over batches of 500
    training examples, not augmented, drawn once by the seed.

    Args:
        seed: draws the examples for the statistics.
    """

    def __init__(
        self, architecture: Architecture, data: DataSet, training: TrainingSpec, seed: int
    ) -> None:
        self.architecture, self.data, self.training = architecture, data, training
        self.device = data.device
        self.module = build(architecture).to(self.device).eval()
        self._norms = [
            part
            for part in self.module.modules()
            if isinstance(part, _NormBase) and part.track_running_stats
        ]
        self._seed = seed

    @property
    def statistics_examples(self) -> int:
        """Training examples that statistics are estimated from; 0 where there are none."""
        return min(STATISTICS_EXAMPLES, len(self.data.train)) if self._norms else 0

    def __call__(self, weights: Weights) -> tuple[float, float]:
        """Mean cross-entropy in nats and error in [0, 1] on the test set."""
        with deliberate(self.training), on_device(self.device), torch.inference_mode():
            if self._norms:
                weights = with_fresh_statistics(self.architecture, weights)
            self.module.load_state_dict(dict(weights))
            if self._norms:
                self._estimate()
            part = self.data.test
            size = EVALUATION_BATCH.get(self.device.type, 100)
            total = torch.zeros(2, dtype=torch.float64, device=self.device)
            pixels = floats(part, self.data)
            for images, labels in zip(pixels.split(size), part.labels.split(size), strict=True):
                with autocast(self.training, self.device):
                    logits = self.module(images)
                total += read_logits(logits.unsqueeze(0), labels)[0] * len(labels)
            loss, accuracy = (total / len(part)).tolist()
        return loss, 1.0 - accuracy

    def _estimate(self) -> None:
        for norm in self._norms:
            norm.train()
        for number, images in enumerate(self._examples.split(STATISTICS_BATCH), start=1):
            for norm in self._norms:
                # A plain mean over the batches. With None the norm does so too, but asks the
                # device for the number of each batch.
                norm.momentum = 1.0 / number
            with autocast(self.training, self.device):
                self.module(images)
        self.module.eval()

    @cached_property
    def _examples(self) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        order = torch.randperm(len(self.data.train), generator=generator)
        chosen = order[: self.statistics_examples].to(self.device)
        return normalized(self.data.train.inputs[chosen], self.data)
