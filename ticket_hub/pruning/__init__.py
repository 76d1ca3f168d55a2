"""score -> select -> apply."""

from ticket_hub.pruning.masks import density, full_mask
from ticket_hub.pruning.schedule import next_mask

__all__ = ["density", "full_mask", "next_mask"]
