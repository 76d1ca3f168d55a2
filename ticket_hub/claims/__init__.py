"""Claims of papers as data: what has to be trained, what is compared, and the rule that decides."""

from __future__ import annotations

from ticket_hub.claims.claim import Claim
from ticket_hub.claims.packaged import claim_names, load_claim
from ticket_hub.claims.parts import ClaimSearch, Experiment, Inspection, Statement
from ticket_hub.claims.reproduce import Reproduction, reproduce
from ticket_hub.claims.rule import Decided, Outcome, decide

__all__ = [
    "Claim",
    "ClaimSearch",
    "Decided",
    "Experiment",
    "Inspection",
    "Outcome",
    "Reproduction",
    "Statement",
    "claim_names",
    "decide",
    "load_claim",
    "reproduce",
]
