"""The population engine: K members of one shape, trained together, each as if alone."""

from ticket_hub.training.member import Curves, Keeper, Member, MemberState, Progress, Trained
from ticket_hub.training.trainer import Trainer, train

__all__ = ["Curves", "Keeper", "Member", "MemberState", "Progress", "Trained", "Trainer", "train"]
