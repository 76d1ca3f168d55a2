"""Claims of papers as data: what has to be trained, what is compared, and the rule that decides."""

from __future__ import annotations

from ticket_hub.claims.claim import Claim
from ticket_hub.claims.packaged import claim_names, load_claim
from ticket_hub.claims.parts import ClaimSearch, Experiment, Inspection, Statement
from ticket_hub.claims.pushing import push_reproduction
from ticket_hub.claims.reproduce import Reproduction, reproduce
from ticket_hub.claims.rule import Decided, Outcome, decide
from ticket_hub.claims.side_by_side import ComparedReproductions, compare_reproductions

__all__ = [
    "Claim",
    "ClaimSearch",
    "ComparedReproductions",
    "Decided",
    "Experiment",
    "Inspection",
    "Outcome",
    "Reproduction",
    "Statement",
    "claim_names",
    "compare_reproductions",
    "decide",
    "load_claim",
    "push_reproduction",
    "reproduce",
]
