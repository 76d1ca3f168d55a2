"""The page of one experiment: what its trials came to, beside each other."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.entries import metric_of
from ticket_hub_api.catalog.experiment_shapes import ExperimentDetail
from ticket_hub_api.catalog.experiments import one_experiment
from ticket_hub_api.pages.rendering import render
from ticket_hub_api.pages.router import READ_METHODS, page_router
from ticket_hub_api.pages.sessions import Anyone
from ticket_hub_api.pages.trial_drawing import learning_figure, trials_figure
from ticket_hub_api.services import Services, services_of

__all__ = ["router"]

router = page_router()


@router.api_route("/experiments/{evidence_id}", methods=READ_METHODS)
async def experiment(request: Request, visitor: Anyone, evidence_id: str) -> Response:
    """Every trial of an experiment with a ticket."""
    found = await run_in_threadpool(_find, services_of(request), visitor, evidence_id[:64])
    spec = found.record["experiment"]["spec"]
    loop = spec.get("loop") or {}
    metric = metric_of(loop.get("metric"))
    levels = found.record["levels"]
    figures = [
        trials_figure(
            {
                name: [trial["test_accuracy"] for trial in trials]
                for name, trials in level.get("trials", {}).items()
            },
            metric,
        )
        for level in levels
    ]
    curves = [
        {
            part: figure
            for part in ("validation", "test")
            if (figure := learning_figure(level.get("curves", {}), f"{part}_accuracy", metric))
        }
        for level in levels
    ]
    context = {
        "found": found,
        "record": found.record,
        "data": loop.get("data") or spec["data"]["name"],
        "metric": metric,
        "levels": list(zip(levels, figures, curves, strict=True)),
    }
    return render(request, "experiment.html", context)


def _find(services: Services, visitor: Principal, evidence_id: str) -> ExperimentDetail:
    with services.database.read() as connection:
        return one_experiment(connection, visitor, evidence_id)
