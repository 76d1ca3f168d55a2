"""The claims that come with the package, one TOML file each, and the user's own files."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from pathlib import Path

from ticket_hub.claims.claim import Claim
from ticket_hub.errors import RecipeError
from ticket_hub.recipe.packaged import own_text
from ticket_hub.registry import nearest

__all__ = ["claim_names", "load_claim"]


@functools.cache
def _packaged() -> dict[str, Claim]:
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".toml")]
    claims = [_parse(f.read_text("utf-8"), f.name.removesuffix(".toml"), f.name) for f in files]
    return {claim.name: claim for claim in sorted(claims, key=lambda each: each.number or 0)}


def claim_names() -> list[str]:
    """The names of the packaged claims, by their numbers."""
    return list(_packaged())


def load_claim(name: Claim | Path | str | int) -> Claim:
    """A packaged claim by its name or number, or one's own by the path of its file (.toml).

    A claim is given back as it is.

    Raises:
        RecipeError: there is none, or it does not hold together.
    """
    if isinstance(name, Claim):
        return name
    name = str(name)
    if name.endswith(".toml"):
        path = Path(name)
        text = own_text(path, "claim", "what `ticket reproduce`")
        return _parse(text, path.stem, str(path))
    for claim in _packaged().values():
        if name in {claim.name, str(claim.number)}:
            return claim
    raise RecipeError(
        f"There is no claim {name[:80]!r}.",
        f"The nearest is {nearest(name, claim_names())!r}. `ticket reproduce` lists all; a claim "
        "of your own is given as the path of a .toml file.",
    )


def _parse(text: str, name: str, source: str) -> Claim:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{source} is not TOML: {error}.", "Mend that line.") from error
    return Claim.from_table({"name": name} | table)
