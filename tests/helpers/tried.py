"""A claim that was tried, as `ticket reproduce` writes it down."""

from __future__ import annotations

import json
from typing import Any

from ticket_hub.claims import Claim

__all__ = ["EASY", "tried"]

EASY = {  # shown at any budget
    "says": "the ticket is at most a hundred points less accurate",
    "measure": "accuracy",
    "first": "controls:ticket@0.65",
    "second": "controls:reinit@0.65",
    "above": -100.0,
}
_CLAIM = {
    "name": "ours",
    "number": 3,
    "title": "Half of the weights are enough",
    "source": "our paper, table 1",
    "searches": {"quick": {"recipe": "digits-quick"}},
    "experiments": {
        "controls": {"tickets": "quick", "densities": [0.65], "against": ["reinit"]},
    },
    "statements": [EASY],
    "budgets": {"cpu": {}, "smoke": {}},
}


def tried(**changes: object) -> dict[str, Any]:
    """A record that holds, with these keys changed."""
    claim = Claim.from_table(_CLAIM)
    stated = claim.to_table()
    record = {
        "format": 1,
        "claim": stated,
        "digest": claim.digest,
        "budget": "cpu",
        "seed": 0,
        "outcome": "reproduced",
        "statements": [
            {key: stated["statements"][0][key] for key in EASY}
            | {"published": None, "layer": "", "unit": "points", "confidence": 0.95}
            | {"measured": {"mean": 0.5, "low": 0.2, "high": 0.8}}
            | {"pairing": "data order", "method": "student-t", "n": [3, 3], "tickets": [3, 3]}
            | {"draws": [1, 1], "densities": [0.65, 0.65], "shown": True, "opposed": False}
        ],
        "tickets": {"quick": {"bundle": "a" * 64, "levels": {"2": ["b" * 64]}}},
        "environment": {
            "device": "cpu",
            "cpu_capability": "AVX2",
            "torch": "2.13",
            "ticket_hub": "1.0",
        },
    }
    return json.loads(json.dumps(record | changes))  # type: ignore[no-any-return]
