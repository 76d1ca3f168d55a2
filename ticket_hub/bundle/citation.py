"""How a bundle is cited: a BibTeX entry with the digest that names its content, and its papers'."""

from __future__ import annotations

import re

from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.papers import Paper, papers_of
from ticket_hub.recipe.spec import UNKNOWN

__all__ = ["bundle_entry", "bundle_title", "papers_entries"]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {each: f"\\{each}" for each in "&%$#_{}"}


def bundle_title(manifest: Manifest) -> str:
    """What a card and a citation call the bundle."""
    data = "data that are not known" if manifest.data.name == UNKNOWN else manifest.data.name
    return f"Lottery tickets of {manifest.architecture.name} found on {data}"


def bundle_entry(manifest: Manifest, *, repo: str = "", commit: str = "", url: str = "") -> str:
    """The BibTeX entry of a bundle.

    The digest names network, data and every ticket, and stays the same wherever a copy lies.

    Args:
        repo: `owner/name` of the hub; its owner stands as the author.
        commit: which state of the repository.
        url: where a person can look at it.
    """
    owner, _, name = repo.rpartition("/")
    words = [*filter(None, (owner, name or manifest.recipe.name)), manifest.id[:8]]
    place = f"{repo}@{commit}" if commit else repo
    fields = {
        "title": f"{{{_tex(bundle_title(manifest))}}}",
        "author": f"{{{_tex(owner)}}}" if owner else "",
        "howpublished": f"Ticket Hub, {_tex(place)}" if place else "",
        "url": url,
        "note": f"bundle sha256:{manifest.id}",
    }
    return _entry("misc", "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", each) for each in words), fields)


def _paper_entry(paper: Paper) -> str:
    """The BibTeX entry of a paper."""
    fields = {
        "title": f"{{{paper.title}}}",
        "author": paper.authors,
        "booktitle": paper.booktitle,
        "year": str(paper.year),
        "eprint": paper.arxiv,
        "archiveprefix": "arXiv",
    }
    return _entry("inproceedings", paper.key, fields)


def papers_entries(manifest: Manifest) -> str:
    """The entries of all papers of a bundle's method."""
    return "\n\n".join(map(_paper_entry, papers_of(manifest)))


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _tex(text: str) -> str:
    """A name as TeX prints it, on one line."""
    return "".join(_SPECIAL.get(each, each) for each in " ".join(text.split()))
