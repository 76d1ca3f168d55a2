"""One search walked through by several processes that train together, as torchrun starts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import distributed

from ticket_hub.errors import TicketHubError
from ticket_hub.networks.seeding import seed_generators
from ticket_hub.own.network import OwnNetwork
from ticket_hub.own.step import Finished, Step
from ticket_hub.recipe.own import Metric

__all__ = ["together"]


def together(
    steps: Callable[[], Iterator[Step]], network: OwnNetwork, metric: Metric
) -> Iterator[Step]:
    """The same steps in every process of a group; the first one alone reads and writes the folder.

    Without a process group, the steps themselves. The others get each step from the first, and
    what they give to `finish` is not kept.

    Raises:
        TicketHubError: what the first process met, in all of them.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return steps()
    return _leading(steps) if distributed.get_rank() == 0 else _following(network, metric)


def _leading(steps: Callable[[], Iterator[Step]]) -> Iterator[Step]:
    try:
        for step in steps():
            weights = {
                name: value.detach().cpu() for name, value in step.module.state_dict().items()
            }
            _share(
                {
                    "weights": weights,
                    "mask": step.mask,
                    "facts": step.facts,
                    "rewind_step": step.rewind_step,
                    "draw_seed": step.draw_seed,
                }
            )
            yield step
    except TicketHubError as error:
        _share(error)
        raise
    _share(None)


def _following(network: OwnNetwork, metric: Metric) -> Iterator[Step]:
    while (told := _share()) is not None:
        if isinstance(told, TicketHubError):
            raise told
        step = Step(
            module=network.build(told["weights"], told["mask"]),
            mask=told["mask"],
            facts=told["facts"],
            metric=metric,
            rewind_step=told["rewind_step"],
            draw_seed=told["draw_seed"],
            keep=_forget,
        )
        seed_generators(step.draw_seed)
        yield step
        step.end()


def _share(told: Any = None) -> Any:  # noqa: ANN401 - a step, an error, or the end
    """Give something to all others, or get what the first one gives."""
    box = [told]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def _forget(_: Finished) -> None:
    """The first process keeps what was trained."""
