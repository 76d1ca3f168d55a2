"""How a client puts a file together from ranges of xorbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ticket_hub.errors import StorageError
from ticket_hub_api.store.signing import Signer
from ticket_hub_api.store.xet.reading import Stores, XetTerm, load_xorb, unpack_terms

__all__ = ["reconstruct"]

ADDRESS_SECONDS = 3600


class SignedStores(Stores, Protocol):
    """Where contents are, with what signs addresses of them."""

    @property
    def signer(self) -> Signer:
        """Signs addresses."""


def reconstruct(
    stores: SignedStores, terms: bytes, start: int, stop: int, base: str
) -> dict[str, Any]:
    """The terms that hold the bytes from `start` up to `stop`, and where to fetch their chunks.

    Terms at both ends are cut to whole chunks; `offset_into_first_range` says how many bytes of the
    first one to skip.

    Raises:
        StorageError: a xorb is missing.
    """
    answer: list[dict[str, Any]] = []
    fetch: dict[str, list[dict[str, Any]]] = {}
    offset = position = 0
    for term in unpack_terms(terms):
        begin, position = position, position + term.length
        if position <= start or begin >= stop:
            continue
        cut, skipped = _cut(stores, term, begin, start, stop)
        if not answer:
            offset = max(0, start - begin - skipped)
        chunks = {"start": cut.start, "end": cut.stop}
        answer.append({"hash": cut.xorb, "range": chunks, "unpacked_length": cut.length})
        entry = _address(stores, cut, base)
        # Terms may repeat the same range; the client fetches what is listed, as often as it is
        # listed.
        if entry not in fetch.setdefault(cut.xorb, []):
            fetch[cut.xorb].append(entry)
    return {"offset_into_first_range": offset, "terms": answer, "fetch_info": fetch}


def _cut(
    stores: SignedStores, term: XetTerm, begin: int, start: int, stop: int
) -> tuple[XetTerm, int]:
    """The part of a term that is needed, and how many bytes were left out before it."""
    lengths = [chunk.length for chunk in _chunks(stores, term)]
    first, skipped = 0, 0
    while begin + skipped + lengths[first] <= start:
        skipped += lengths[first]
        first += 1
    last, kept = first, 0
    while last < len(lengths) and begin + skipped + kept < stop:
        kept += lengths[last]
        last += 1
    return XetTerm(term.xorb, term.start + first, term.start + last, kept), skipped


def _chunks(stores: SignedStores, term: XetTerm) -> Sequence[Any]:
    xorb = load_xorb(stores, term.xorb)
    if xorb is None:
        raise StorageError(f"The xorb {term.xorb} is missing.", "Run `ticket hub fsck`.")
    return xorb.chunks[term.start : term.stop]


def _address(stores: SignedStores, term: XetTerm, base: str) -> dict[str, Any]:
    """Where to fetch the chunks of a term: an address that allows these bytes and no others."""
    chunks = _chunks(stores, term)
    start, stop = chunks[0].offset, chunks[-1].stop
    signed = stores.signer.sign("xorb", ADDRESS_SECONDS, xorb=term.xorb, start=start, stop=stop)
    return {
        "range": {"start": term.start, "end": term.stop},
        "url": f"{base}/xet/data/{signed}",
        # The protocol counts the last byte in, as HTTP's Range does.
        "url_range": {"start": start, "end": stop - 1},
    }
