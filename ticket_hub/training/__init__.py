"""The population engine: K members of one shape, trained together, each as if alone.

Public names are imported when they are first used, so that counting cores needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.training.member import Curves, Keeper, Member, MemberState, Progress, Trained
    from ticket_hub.training.trainer import Trainer, train

__all__ = [
    "Curves",
    "Keeper",
    "Member",
    "MemberState",
    "Progress",
    "Trained",
    "Trainer",
    "train",
]

_HOMES = {
    "Curves": "member",
    "Keeper": "member",
    "Member": "member",
    "MemberState": "member",
    "Progress": "member",
    "Trained": "member",
    "Trainer": "trainer",
    "train": "trainer",
}

__getattr__ = lazy_names(__name__, _HOMES)
