"""Files of weights that a search starts from: on this machine, on a hub, or timm's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.durable import sha256_file
from ticket_hub.errors import DataNotFoundError, HubError, NetworkError
from ticket_hub.home import cache_folder, expanded
from ticket_hub.hub.base import Hub
from ticket_hub.hub.connect import connect
from ticket_hub.patterns import COMMIT

__all__ = ["WeightsFile", "fetch_weights"]

FILE = "model.safetensors"
MAX_BYTES = 64 << 30
_HUB = re.compile(r"hub:([^@:\s]+/[^@:\s]+)(?:@([^:\s]+))?(?::([^\s]+))?")
SOURCES = "file:PATH, hub:OWNER/NAME@COMMIT or timm:NAME.TAG"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Weights that are on this machine.

    Attributes:
        path: of the file.
        source: where it is from, with the commit where it is of a hub.
        sha256: of its bytes.
    """

    path: Path
    source: str
    sha256: str


def fetch_weights(source: str, sha256: str = "", *, hub: str | Path | None = None) -> WeightsFile:
    """Have a file of weights here, and know what it is.

    Args:
        source: `file:PATH`; `hub:OWNER/NAME[@REVISION][:FILE]`; or `timm:NAME.TAG`, which is
            `hub:timm/NAME.TAG`.
        sha256: that the bytes must have; a file of a hub that has it is asked for once.
        hub: a folder or an address; None is `HF_ENDPOINT`, or the public Hub.

    Raises:
        NetworkError: the source is none of these, or the file has other bytes.
        DataNotFoundError: there is no such file.
        HubError: the hub has no such repository, or cannot be asked.
    """
    kind, _, rest = source.partition(":")
    if kind == "file" and rest:
        path = expanded(rest)
        if not path.is_file():
            raise DataNotFoundError(f"There is no file of weights {path}.", "Bring it there.")
        return _checked(WeightsFile(path=path, source=source, sha256=sha256_file(path)), sha256)
    found = _HUB.fullmatch(f"hub:timm/{rest}" if kind == "timm" else source)
    if found is None:
        raise NetworkError(f"network.weights cannot be {source!r}.", f"It is {SOURCES}.")
    repo, revision, file = found[1], found[2], found[3] or FILE
    kept = cache_folder() / "weights" / f"{sha256}{Path(file).suffix}"
    if sha256 and kept.is_file() and revision and COMMIT.fullmatch(revision):
        return _checked(WeightsFile(path=kept, source=source, sha256=sha256_file(kept)), sha256)
    return _checked(_download(connect(hub), repo, revision, file), sha256)


def _download(hub: Hub, repo: str, revision: str | None, file: str) -> WeightsFile:
    snapshot = hub.snapshot(repo, revision)
    wanted = next((each for each in snapshot.files if each.path == file), None)
    if wanted is None:
        weights = [each.path for each in snapshot.files if each.path.endswith(".safetensors")]
        raise HubError(
            f"{repo} has no {file} at {snapshot.commit[:12]}.",
            f"Name one: hub:{repo}@{snapshot.commit}:FILE; it has {', '.join(weights) or 'none'}.",
        )
    folder = cache_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{snapshot.commit}-{file.replace('/', '-')}.part"
    have = part.stat().st_size if part.is_file() else 0
    if have != wanted.size:
        hub.download(snapshot, file, part, offset=have, most=min(wanted.size, MAX_BYTES))
    digest = sha256_file(part)
    if wanted.sha256 is not None and digest != wanted.sha256:
        part.unlink()
        raise HubError(f"{file} of {repo} came with other bytes than the hub says.", "Try again.")
    place = folder / f"{digest}{Path(file).suffix}"
    part.replace(place)
    ending = "" if file == FILE else f":{file}"
    return WeightsFile(path=place, source=f"hub:{repo}@{snapshot.commit}{ending}", sha256=digest)


def _checked(found: WeightsFile, sha256: str) -> WeightsFile:
    if sha256 and found.sha256 != sha256:
        raise NetworkError(
            f"{found.source} has the sha256 {found.sha256[:12]}..., and the recipe says "
            f"{sha256[:12]}...",
            "Bring the file that the recipe means, or leave network.weights_sha256 out to begin "
            "another search with this one.",
        )
    return found
