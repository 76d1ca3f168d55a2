"""Score, reduce, select, apply: from trained weights to a mask with an exact number of weights."""

from ticket_hub.pruning.controls import random_mask, random_mask_like, shuffled_mask
from ticket_hub.pruning.criteria import register_criterion
from ticket_hub.pruning.granularity import register_granularity
from ticket_hub.pruning.granularity_base import AnyGranularity, Granularity
from ticket_hub.pruning.handle import MaskHandle, mask_handle
from ticket_hub.pruning.keeping import keep_mask, load_masked
from ticket_hub.pruning.masks import (
    check_alignment,
    density,
    full_mask,
    is_nested,
    kept,
    masked,
    overlap,
)
from ticket_hub.pruning.plan import ladder
from ticket_hub.pruning.schedule import next_mask, one_shot_mask

__all__ = [
    "AnyGranularity",
    "Granularity",
    "MaskHandle",
    "check_alignment",
    "density",
    "full_mask",
    "is_nested",
    "keep_mask",
    "kept",
    "ladder",
    "load_masked",
    "mask_handle",
    "masked",
    "next_mask",
    "one_shot_mask",
    "overlap",
    "random_mask",
    "random_mask_like",
    "register_criterion",
    "register_granularity",
    "shuffled_mask",
]
