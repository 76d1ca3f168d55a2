"""Engines are looked up by name, and made of options as people type them.

@register_engine("my-cluster")
def my_cluster(options: Mapping[str, str]) -> Engine:
refuse_unknown("my-cluster", options, ("queue",))
return MyCluster(options.get("queue"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from ticket_hub.errors import EngineError
from ticket_hub.registry import YOUR_OWN, Registry, there_are

if TYPE_CHECKING:  # whoever asks for the names imports no PyTorch
    from ticket_hub.engines.base import Engine

__all__ = [
    "ENGINES",
    "EngineMaker",
    "make_engine",
    "number",
    "processes_of",
    "refuse_too_few_gpus",
    "refuse_unknown",
    "register_engine",
]

EngineMaker: TypeAlias = "Callable[[Mapping[str, str]], Engine]"
"""Makes an engine of options as people type them."""
M = TypeVar("M", bound=EngineMaker)

ENGINES: Registry[EngineMaker] = Registry(
    "engine",
    gives=("options",),
    refusal=EngineError,
    homes=("ticket_hub.engines.local", "ticket_hub.engines.ray", "ticket_hub.engines.slurm"),
)
"""What `--engine` takes."""


def register_engine(name: str) -> Callable[[M], M]:
    """Register a function that makes an engine of options as people type them.

    Args:
        name: for `--engine`.
    """
    return cast("Callable[[M], M]", ENGINES.register(name))


def make_engine(name: str, options: Mapping[str, str] | None = None) -> Engine:
    """An engine. Nothing of Ray or Slurm is imported unless it is asked for.

    Args:
        options: by name; see the module of the engine for those that it has.

    Raises:
        EngineError: there is no such engine or option, or its libraries are not installed.
        PluginError: a plugin that might have it cannot be imported.
    """
    maker = ENGINES.find(name)
    if maker is None:
        remedy = f"{there_are(name, sorted(ENGINES.known()))} {YOUR_OWN}"
        raise EngineError(f"There is no engine {name!r}.", remedy)
    return maker(options or {})


def number(options: Mapping[str, str], key: str) -> int | None:
    """A whole number of an option, at least 0; None where it is not given.

    Raises:
        EngineError: it is none.
    """
    text = options.get(key)
    if text is None:
        return None
    if not text.isdecimal():
        raise EngineError(f"The option {key} cannot be {text!r}.", "Give a whole number.")
    return int(text)


def processes_of(options: Mapping[str, str]) -> int:
    """How many processes train each network together: the option `processes`; 1.

    Raises:
        EngineError: it is no whole number, or 0.
    """
    processes = number(options, "processes")
    if processes == 0:
        raise EngineError("No network is trained by 0 processes.", "Ask for 1 or more.")
    return 1 if processes is None else processes


def refuse_too_few_gpus(gpus: int, processes: int) -> None:
    """Refuse processes that would share a GPU where each is to have its own.

    Args:
        gpus: of each work; with 0, it is trained on a CPU.

    Raises:
        EngineError: there are GPUs, but fewer than processes.
    """
    if 0 < gpus < processes:
        raise EngineError(
            f"A work of {processes} processes needs as many GPUs, and has {gpus}.",
            "Take fewer processes, or ask for more GPUs.",
        )


def refuse_unknown(engine: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse options that an engine does not have.

    Raises:
        EngineError: there is one.
    """
    for key in options:
        if key not in known:
            raise EngineError(
                f"The engine {engine} has no option {key!r}.", f"It has {', '.join(known)}."
            )
