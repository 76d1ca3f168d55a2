"""What came of verifying a bundle, claim by claim."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OTHER_FILES", "Check", "VerifyReport"]

OTHER_FILES = "no other file"
"""The check that fails where something is to be removed, and nothing to be written again."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One claim of a bundle.

    Attributes:
        name: what was looked at, such as `masks/0/3.safetensors` or `nesting of trial 0`.
        holds: whether it is as it must be.
        problem: why not, and what to do; empty where it holds.
    """

    name: str
    holds: bool
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was checked.

    Attributes:
        checks: every claim that could be looked at, in a fixed order.
        absent: files that are listed but not here; only where a part of the bundle was asked for.
        passed_over: files of systems, such as `.DS_Store`, which are no part of the bundle.
        unchecked: what could not be checked here and why, a sentence each; it speaks neither for
            the bundle nor against it.
        notes: how the plugins that are here differ from those that the bundle names.
    """

    checks: tuple[Check, ...]
    absent: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.holds)
