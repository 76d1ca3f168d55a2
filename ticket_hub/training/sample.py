"""Training examples that are read as validation and test are, to see the generalization gap."""

from __future__ import annotations

import torch

from ticket_hub.data import DataSet, Part
from ticket_hub.recipe import TrainingSpec
from ticket_hub.seeds import derive_seed

__all__ = ["train_sample"]


def train_sample(data: DataSet, training: TrainingSpec) -> Part | None:
    """The examples that `training.train_sample` asks for, or None where it asks for none.

    They follow from `data.split_seed`, so that all trials, levels and controls are read on the
    same; as many as there are, or more, is the training part itself. Readings never augment them.
    """
    wanted = training.train_sample
    if not wanted:
        return None
    if wanted >= len(data.train):
        return data.train
    generator = torch.Generator().manual_seed(derive_seed(data.spec.split_seed, "train-sample"))
    chosen = torch.randperm(len(data.train), generator=generator)[:wanted].sort().values
    return data.train.take(chosen.to(data.device))
