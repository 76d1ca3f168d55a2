"""What a card says that no manifest knows: where its bundle is shared, and under which licence.

Both stand on the card alone, and are read back from a card that nobody has edited when it is
written anew. So bundles need no key for them, and readers of every version take them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.card_marks import is_generated
from ticket_hub.errors import BundleFormatError
from ticket_hub.registry import nearest

__all__ = ["CardTerms", "loading_line", "read_terms", "written_license"]

_NAMES = """
afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-openrail-m bsd-2-clause
bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
eupl-1.1 eupl-1.2 gfdl gpl-2.0 gpl-3.0 isc lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl
odc-by ofl-1.1 openrail openrail++ osl-3.0 pddl postgresql unlicense wtfpl zlib other
"""
LICENSES = frozenset(_NAMES.split())
"""As the Hugging Face Hub names them: SPDX identifiers in small letters, and a few of its own.

https://huggingface.co/docs/hub/repositories-licenses; `other` is a licence whose text the author
gives.
"""
_SPDX = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "etalab": "etalab-2.0"}
_LOADED = re.compile(r'^ticket = ticket_hub\.Ticket\.from_pretrained\("([^"\n]*)"\)$', re.MULTILINE)
_LICENSED = re.compile(r"^license: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class CardTerms:
    """Where a bundle is shared, and how others may use it.

    Attributes:
        repo: `owner/name`; empty where it was never shared.
        license: as the Hub names it; empty where nobody has said.
    """

    repo: str = ""
    license: str = ""


def loading_line(repo: str) -> str:
    """The line that loads the tickets, from their hub or, of what was never shared, from here."""
    return f'ticket = ticket_hub.Ticket.from_pretrained("{repo or "."}")'


def read_terms(folder: Path) -> CardTerms:
    """What the card of a bundle says; nothing where there is none, or a person wrote it."""
    path = folder / layout.CARD
    data = path.read_bytes() if path.is_file() else b""
    if not is_generated(data):
        return CardTerms()
    text = data.decode()
    loaded, licensed = _LOADED.search(text), _LICENSED.search(text.split("\n---\n")[0])
    repo = loaded[1] if loaded and loaded[1] != "." else ""
    return CardTerms(repo=repo, license=licensed[1] if licensed else "")


def written_license(name: str) -> str:
    """A licence as the Hub names it, from an SPDX identifier or the Hub's own.

    Raises:
        BundleFormatError: it is neither.
    """
    lower = name.strip().lower()
    plain = re.sub(r"-(only|or-later)$", "", _SPDX.get(lower, lower))
    if plain not in LICENSES:
        raise BundleFormatError(
            f"{name[:80]!r} is no licence that hubs know; the nearest is "
            f"{nearest(plain, sorted(LICENSES))}.",
            "Give an SPDX identifier, such as apache-2.0, mit or cc-by-4.0, or other.",
        )
    return plain
