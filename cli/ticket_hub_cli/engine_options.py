"""`--engine` and `--engine-option`, for all commands that train; and how their works are shown."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ticket_hub_cli.named_types import ENGINE
from ticket_hub_cli.output import CommandOutput, percent
from ticket_hub_cli.pace import Pace
from ticket_hub_cli.progress import Watcher, showing

if TYPE_CHECKING:
    from ticket_hub.engines.runners import Surveyor
    from ticket_hub.runs import Log

__all__ = ["EngineChoice", "engine_options"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """What the user asked for.

    Attributes:
        name: of the engine.
        options: of it.
    """

    name: str
    options: Mapping[str, str]

    @contextlib.contextmanager
    def working(
        self,
        pace: Pace,
        out: CommandOutput,
        begin: Callable[[int], None] | None = None,
        *,
        log: Log,
    ) -> Iterator[dict[str, Any]]:
        """The engine and what its works are followed with, as the library's runners take them.

        Args:
            pace: counts a step for each level or network that a work has done.
            begin: told how many works there are.
            log: records what works have done.
        """
        from ticket_hub.engines.choice import make_engine
        from ticket_hub.engines.runners import Surveyor
        from ticket_hub.runs import stop_on_signals

        with (
            # Libraries of engines write to stdout, which is for results alone.
            contextlib.redirect_stdout(sys.stderr),
            contextlib.closing(make_engine(self.name, self.options)) as engine,
            stop_on_signals() as should_stop,
            showing(pace, stream=sys.stderr, quiet=out.form == "quiet", log=log) as watcher,
        ):
            surveyor: Surveyor = Surveyor(
                begin=begin, observe=watcher.observe, step=_Teller(watcher, log).step
            )
            yield {"engine": engine, "surveyor": surveyor, "should_stop": should_stop}
            log.flush()


def engine_options(function: F) -> F:
    """Add both options, and hand the command an `EngineChoice` as `engine`, or None."""

    @click.option(
        "--engine",
        type=ENGINE,
        help="Where it is trained, in processes of their own.  [default: in this process]",
    )
    @click.option(
        "--engine-option",
        "engine_settings",
        metavar="KEY=VALUE",
        multiple=True,
        help="Of the engine, such as slots=2 or partition=gpu; see docs/engines.md.",
    )
    @functools.wraps(function)
    def with_engine(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        engine: str | None,
        engine_settings: tuple[str, ...],
        **values: Any,  # noqa: ANN401 - whatever the command takes
    ) -> Any:  # noqa: ANN401 - and gives
        """Call the command with the engine that the options choose."""
        options = {}
        for text in engine_settings:
            key, equals, value = text.partition("=")
            if not equals or not key.strip():
                raise click.BadParameter(
                    f"{text!r} is not KEY=VALUE, such as slots=2.", param_hint="--engine-option"
                )
            options[key.strip()] = value.strip()
        if engine is None and options:
            raise click.UsageError("--engine-option is for an engine: name one with --engine.")
        return function(
            *args,
            engine=None if engine is None else EngineChoice(name=engine, options=options),
            **values,
        )

    return cast("F", with_engine)


@dataclass
class _Teller:
    """Says in a sentence what works have done."""

    watcher: Watcher
    log: Log

    def step(self, name: str, event: Mapping[str, Any]) -> None:
        """One level, one network, or a notice."""
        about = f"{name} " if name else ""
        if event["event"] == "notice":
            self.watcher.notify(about + str(event["text"]))
            return
        self.log.tell(**event, **({"work": name} if name else {}))
        if event["event"] == "level":
            self.watcher.step(about + _level(event))
        else:
            self.watcher.step(f"{name}: {_network(event)}" if name else _network(event))


def _level(event: Mapping[str, Any]) -> str:
    return (
        f"level {event['index']}: {percent(event['density'])} of the weights left, "
        f"test accuracy {percent(event['test_accuracy'])} at the early stop{_origin(event)}"
    )


def _network(event: Mapping[str, Any]) -> str:
    return (
        f"level {event['level']}, {event['control']}, trial {event['trial']}: "
        f"test accuracy {percent(event['accuracy'])}{_origin(event)}"
    )


def _origin(event: Mapping[str, Any]) -> str:
    return " (from disk)" if event["resumed"] else ""
