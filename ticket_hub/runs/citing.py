"""How tickets are cited, whether they are on this machine or on a hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.card_terms import read_terms
from ticket_hub.bundle.citation import bundle_entry, papers_entries
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.hub.address import PlaceLike, named_place
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.connect import connect
from ticket_hub.hub.peeking import peek
from ticket_hub.runs.locate import Place, resolve

__all__ = ["Citation", "cite_bundle"]


@dataclass(frozen=True, kw_only=True)
class Citation:
    """What names a bundle for ever.

    Attributes:
        id: the digest of its content: network, data and every ticket.
        repo: `owner/name`; empty where it was never shared.
        commit: of the repository; empty where the bundle is no pulled or asked-for state of it.
        bibtex: entries of the bundle and of the papers whose method found it.
    """

    id: str
    repo: str
    commit: str
    bibtex: str


def cite_bundle(
    address: PlaceLike, *, hub: str | Path | None = None, token: str | None = None
) -> Citation:
    """How to cite the tickets of an address, by digest and commit.

    Args:
        address: a run, a folder with a bundle, or `owner/name[@revision]`, which is asked of the
            hub unless it was pulled.
        hub, token: as `ticket_hub.pull_bundle`.

    Raises:
        TicketNotFoundError, HubError, BundleError: as `ticket_hub.info_bundle`.
    """
    found = resolve(named_place(address), cache=Cache())
    if isinstance(found, Place):
        manifest = encoding.decode((found.bundle / layout.MANIFEST).read_bytes())
        pulled = [each for each in Cache().bundles() if each.folder.samefile(found.bundle)]
        if pulled:
            return _citation(manifest, pulled[0].repo, pulled[0].commit)
        return _citation(manifest, read_terms(found.bundle).repo)
    there = connect(hub, token=token)
    snapshot, manifest = peek(there, str(found.repo), found.revision)
    return _citation(manifest, snapshot.repo, snapshot.commit, there.url(snapshot.repo))


def _citation(manifest: Manifest, repo: str, commit: str = "", url: str = "") -> Citation:
    web = url if url.startswith("http") else ""
    entry = bundle_entry(manifest, repo=repo, commit=commit, url=web)
    bibtex = f"{entry}\n\n{papers_entries(manifest)}\n"
    return Citation(id=manifest.id, repo=repo, commit=commit, bibtex=bibtex)
