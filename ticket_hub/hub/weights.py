"""Files of weights that a search starts from: on this machine, on a hub, or timm's."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub.bundle.manifest_records import Reference
from ticket_hub.bundle.reference import kept_weights
from ticket_hub.durable import explaining, sha256_file, write_bytes
from ticket_hub.errors import (
    DataNotFoundError,
    HubError,
    NetworkError,
)
from ticket_hub.file_system import sync_file, sync_folder
from ticket_hub.home import cache_folder, expanded
from ticket_hub.hub.base import Hub
from ticket_hub.hub.cache import unfinished
from ticket_hub.hub.connect import connect
from ticket_hub.patterns import COMMIT
from ticket_hub.recipe.rules import SOURCES

if TYPE_CHECKING:
    from ticket_hub.bundle.read import Bundle

__all__ = [
    "TICKET",
    "TICKET_SOURCE",
    "WeightsFile",
    "checked",
    "download_weights",
    "fetch_weights",
    "is_on_a_hub",
    "kept_theta0",
    "other_bytes",
    "parse_source",
    "source_normalization",
]

FILE = "model.safetensors"
CONFIGS = ("config.json", "preprocessor_config.json")
MAX_CONFIG = 1 << 20
MAX_BYTES = 64 << 30
TICKET_SOURCE = re.compile(r"ticket:([^@:\s]+/[^@:\s]+)@([0-9a-f]{40})(?::[^\s]+)?")
_HUB = re.compile(r"hub:([^@:\s]+/[^@:\s]+)(?:@([^:\s]+))?(?::([^\s]+))?")
TICKET = "ticket:"


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
        return checked(WeightsFile(path=path, source=source, sha256=sha256_file(path)), sha256)
    found = parse_source(source)
    if found is None:
        raise NetworkError(f"network.weights cannot be {source!r}.", f"It is {SOURCES}.")
    repo, revision, file = found
    kept = kept_weights(sha256, Path(file).suffix)
    # One that was damaged here since is fetched anew.
    named = sha256 and revision and COMMIT.fullmatch(revision)
    if named and kept.is_file() and sha256_file(kept) == sha256:
        return WeightsFile(path=kept, source=source, sha256=sha256)
    return checked(download_weights(connect(hub), repo, revision, file), sha256)


def source_normalization(
    source: str, *, hub: str | Path | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and std, per channel, of the images that weights were trained with; None if not said.

    They stand in `config.json` as timm and Ticket Hub write it, beside the file or in its
    repository, or in `preprocessor_config.json` as `transformers` does.

    Args:
        source, hub: as in `fetch_weights`.

    Raises:
        HubError: the hub has no such repository, or cannot be asked.
    """
    if source.startswith("file:"):
        folder = expanded(source.removeprefix("file:")).parent
        places = [folder / name for name in CONFIGS]
        texts = [p.read_bytes() for p in places if p.is_file() and p.stat().st_size < MAX_CONFIG]
        return next(filter(None, map(_normalization, texts)), None)
    found = parse_source(source)
    if found is None:
        return None
    there = connect(hub)
    snapshot = there.snapshot(found[0], found[1])
    for file in snapshot.files:
        if file.path in CONFIGS and file.size < MAX_CONFIG:
            said = _normalization(there.read(snapshot, file.path, limit=MAX_CONFIG))
            if said is not None:
                return said
    return None


def _normalization(data: bytes) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    try:
        table = json.loads(data)
        table = table.get("pretrained_cfg") or table
        mean, std = (table.get(key) or table.get(f"image_{key}") for key in ("mean", "std"))
        means, stds = tuple(map(float, mean)), tuple(map(float, std))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None  # it says nothing that could be understood
    sound = all(map(math.isfinite, (*means, *stds))) and all(value > 0 for value in stds)
    plain = set(means) <= {0.0} and set(stds) <= {1.0}
    return (means, stds) if sound and len(means) == len(stds) and not plain else None


def kept_theta0(bundle: Bundle, source: str) -> WeightsFile:
    """The whole theta0 of a bundle's first ticket as a file of safetensors, by its digest.

    Raises:
        BundleError: as `Bundle.theta0`.
    """
    from ticket_hub.bundle.tensors import chunks  # slow, with PyTorch

    data = b"".join(chunks(bundle.theta0(bundle.manifest.default.trial)))
    digest = hashlib.sha256(data).hexdigest()
    write_bytes(kept_weights(digest), data)
    return WeightsFile(path=kept_weights(digest), source=source, sha256=digest)


def parse_source(source: str) -> tuple[str, str | None, str] | None:
    """Repository, revision and file of a source that is on a hub; None where it is on none."""
    kind, _, rest = source.partition(":")
    found = _HUB.fullmatch(f"hub:timm/{rest}" if kind == "timm" else source)
    return None if found is None else (found[1], found[2], found[3] or FILE)


def download_weights(
    hub: Hub, repo: str, revision: str | None, file: str, reference: Reference | None = None
) -> WeightsFile:
    """A file of a repository, by its digest in the cache.

    Args:
        file: its path in the repository.
        reference: what it must be; where the hub states another size or digest, nothing is fetched.

    Raises:
        HubError: the hub has no such repository, revision or file, cannot be asked, or its bytes
            are not those that it or the reference states.
    """
    snapshot = hub.snapshot(repo, revision)
    wanted = next((each for each in snapshot.files if each.path == file), None)
    if wanted is None:
        weights = [each.path for each in snapshot.files if each.path.endswith(".safetensors")]
        raise HubError(
            f"{repo} has no {file} at {snapshot.commit[:12]}.",
            f"Name one: hub:{repo}@{snapshot.commit}:FILE; it has {', '.join(weights) or 'none'}.",
        )
    if reference is not None and (
        wanted.size != reference.size or wanted.sha256 not in {None, reference.sha256}
    ):
        raise other_bytes(repo, file, snapshot.commit, reference.sha256)
    part = cache_folder() / "weights" / f"{snapshot.commit}-{file.replace('/', '-')}.part"
    # Several searches may begin with the same weights at once.
    with explaining(part), unfinished(part) as part:
        digest = wanted.sha256 or ""
        place = kept_weights(digest, Path(file).suffix)
        if not (digest and place.is_file() and sha256_file(place) == digest):
            have = part.stat().st_size if part.is_file() else 0
            have = have if have <= wanted.size else 0
            if have != wanted.size or not part.is_file():
                hub.download(snapshot, file, part, offset=have, most=min(wanted.size, MAX_BYTES))
            digest = sha256_file(part)
            if part.stat().st_size != wanted.size or wanted.sha256 not in {None, digest}:
                part.unlink()
                raise HubError(
                    f"{file} of {repo} came with other bytes than the hub says.", "Try again."
                )
            if reference is not None and digest != reference.sha256:
                part.unlink()
                raise other_bytes(repo, file, snapshot.commit, reference.sha256)
            place = kept_weights(digest, Path(file).suffix)
            with part.open("rb") as stream:
                sync_file(stream.fileno())
            part.replace(place)
            sync_folder(place.parent)
    ending = "" if file == FILE else f":{file}"
    return WeightsFile(path=place, source=f"hub:{repo}@{snapshot.commit}{ending}", sha256=digest)


def other_bytes(repo: str, file: str, commit: str, sha256: str) -> HubError:
    """The error for a file that is not the one meant; `sha256` is of that one."""
    return HubError(
        f"{file} of {repo} at {commit[:12]} is not the file with the sha256 {sha256[:12]}...",
        "Ask its author for the file, or for a bundle with dense theta0.",
    )


def is_on_a_hub(source: str) -> bool:
    """Whether others can fetch a source, once it is named with its commit."""
    return parse_source(source) is not None or TICKET_SOURCE.fullmatch(source) is not None


def checked(found: WeightsFile, sha256: str) -> WeightsFile:
    """The same file, unless a digest is wanted and its own is another.

    Raises:
        NetworkError: it is.
    """
    if sha256 and found.sha256 != sha256:
        raise NetworkError(
            f"{found.source} has the sha256 {found.sha256[:12]}..., and the recipe says "
            f"{sha256[:12]}...",
            "Bring the file that the recipe means, or leave network.weights_sha256 out to begin "
            "another search with this one.",
        )
    return found
