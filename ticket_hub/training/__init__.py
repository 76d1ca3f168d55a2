"""The population engine: K members of one shape, trained together, each as if alone."""

from ticket_hub.training.member import Curves, Member, MemberState, Progress, Trained
from ticket_hub.training.population import train

__all__ = ["Curves", "Member", "MemberState", "Progress", "Trained", "train"]
