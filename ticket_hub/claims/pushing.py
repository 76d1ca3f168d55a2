"""Share what became of a claim, on the tickets that it is about."""

from __future__ import annotations

from pathlib import Path

from ticket_hub import facade
from ticket_hub.claims.reproduce import Reproduction
from ticket_hub.hub.base import Pushed
from ticket_hub.transfer.sharing import push_bundle

__all__ = ["push_reproduction"]


def push_reproduction(
    result: Reproduction, repo: str, *, by: str = "", hub: str | Path | None = None
) -> Pushed:
    """Push the tickets that the first statement is about, with the result as evidence.

    Experiments of the claim with the same tickets come along.

    Args:
        repo: `owner/name`.
        by: who made it.
        hub: as `ticket_hub.push_bundle`.

    Raises:
        EvidenceError: nobody is named, or it was a smoke run.
        HubError: it cannot be pushed.
    """
    claim = result.claim
    study = claim.statements[0].sides[0].study
    for parts in (claim.experiments, claim.analyses):
        if study in parts:
            study = parts[study].tickets
    bundle = result.bundles[study]
    experiments = [
        result.runs[name]
        for name, each in claim.experiments.items()
        if each.tickets == study and name in result.runs
    ]
    facade.draw_card(bundle, lambda _: None)
    return push_bundle(bundle, repo, evidence=[*experiments, result.folder], by=by, hub=hub)
