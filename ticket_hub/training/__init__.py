"""The population engine: K members of one shape, trained together, each as if alone.

Public names are imported when they are first used, so that counting cores needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub.training.backend import register_backend
    from ticket_hub.training.following import together
    from ticket_hub.training.member import Curves, Keeper, Member, MemberState, Progress, Trained
    from ticket_hub.training.optimizers import Optimizer, register_optimizer
    from ticket_hub.training.plain import Plain
    from ticket_hub.training.schedules import register_schedule
    from ticket_hub.training.trainer import Trainer, train

__all__ = [
    "Curves",
    "Keeper",
    "Member",
    "MemberState",
    "Optimizer",
    "Plain",
    "Progress",
    "Trained",
    "Trainer",
    "register_backend",
    "register_optimizer",
    "register_schedule",
    "together",
    "train",
]

_HOMES = {
    "Curves": "member",
    "Keeper": "member",
    "Member": "member",
    "MemberState": "member",
    "Optimizer": "optimizers",
    "Plain": "plain",
    "Progress": "member",
    "Trained": "member",
    "Trainer": "trainer",
    "register_backend": "backend",
    "register_optimizer": "optimizers",
    "register_schedule": "schedules",
    "together": "following",
    "train": "trainer",
}

__getattr__ = lazy_names(__name__, _HOMES)
