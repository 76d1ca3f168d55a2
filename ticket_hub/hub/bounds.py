"""Bounds on what a server may answer: bytes, speed and time; and where a token may go.

They hold for every request that the official client makes for us, also for those that it makes by
itself (a redirect, the steps of a commit), and for no other user of its session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from huggingface_hub.utils import get_session, httpx

from ticket_hub.errors import HubError

__all__ = ["FILE", "LIBRARY", "TIMEOUT", "bounded_session", "origin"]

LIBRARY = "ticket-hub"
"""How requests of ours name themselves; the bounds hold for these alone."""
FILE = {"ticket-hub": "file"}
"""The extension of a request for a file, whose size its reader bounds."""

TIMEOUT = 30.0
"""Seconds without a single byte."""
MAX_BYTES = 32 << 20
"""Of an answer that is no file."""
MAX_SECONDS = 300.0
"""For an answer that is no file."""
MIN_SPEED, WINDOW = 1 << 10, 20.0
"""Bytes a second, as a mean over so many seconds; a modem has seven times this speed."""

_COMMIT = httpx.Timeout(TIMEOUT, read=10 * TIMEOUT)
"""A server may need a while to take in what was sent."""
_places: dict[str, set[tuple[str, str, int | None]]] = {}
"""Authorization -> the origins that it is for."""


def bounded_session(endpoint: str, headers: Mapping[str, str]) -> httpx.Client:
    """The official client's session, in which our requests have bounds.

    Args:
        endpoint: the only place that the token in `headers` is for.
        headers: of our requests.
    """
    if token := headers.get("authorization"):
        place = httpx.URL(endpoint)
        origins = _places.setdefault(token, set())
        origins.add(origin(place))
        if place.scheme == "http" and place.port is None:
            origins.add(("https", place.host, None))  # the same server, once it is encrypted
    # The client's session is one for the whole process: hooks are added once, and look at each
    # request whether it is ours.
    session = get_session()
    hooks = session.event_hooks
    if _confine not in hooks["request"]:
        session.event_hooks = {
            "request": [*hooks["request"], _confine],
            "response": [*hooks["response"], _bound],
        }
    return session


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """What makes a server of its own: scheme, host and port."""
    return url.scheme, url.host, url.port


def _is_ours(request: httpx.Request) -> bool:
    # Uploads to storage are made with addresses that the hub has signed, without our headers.
    return request.method == "PUT" or request.headers.get("User-Agent", "").startswith(LIBRARY)


def _confine(request: httpx.Request) -> None:
    if not _is_ours(request):
        return
    request.headers["Accept-Encoding"] = "identity"  # so that no small answer becomes a large one
    if request.extensions.get("timeout", {}).get("read") is None:
        request.extensions = {**request.extensions, "timeout": _COMMIT.as_dict()}
    token = request.headers.get("Authorization", "")
    # Wherever a redirect or the next page of a list leads: the token is for its own hub alone.
    if token in _places and origin(request.url) not in _places[token]:
        del request.headers["Authorization"]


def _bound(response: httpx.Response) -> None:
    request = response.request
    if not _is_ours(request):
        return
    place = request.url.host
    if response.headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
        raise HubError(
            f"{place} compresses an answer that was to come as it is.",
            "Check the address, and what stands between here and the hub.",
        )
    is_file = request.extensions.get("ticket-hub") == "file" and response.is_success
    assert isinstance(response.stream, httpx.SyncByteStream)
    response.stream = _BoundedStream(response.stream, place, is_file=is_file)


class _BoundedStream(httpx.SyncByteStream):
    """The bytes of an answer, until they are too many or too slow."""

    def __init__(self, stream: httpx.SyncByteStream, place: str, *, is_file: bool) -> None:
        self.stream, self.place, self.is_file = stream, place, is_file

    def __iter__(self) -> Iterator[bytes]:
        came = in_window = 0
        waited = in_all = 0.0  # for the server; the time that a reader takes is not its fault
        pieces = iter(self.stream)
        while True:
            begin = time.monotonic()
            piece = next(pieces, None)
            spent = time.monotonic() - begin
            if piece is None:
                return
            came, in_window = came + len(piece), in_window + len(piece)
            waited, in_all = waited + spent, in_all + spent
            if not self.is_file and came > MAX_BYTES:
                raise HubError(
                    f"{self.place} gives an answer of more than {MAX_BYTES >> 20} MiB.",
                    "Check that the address is that of a hub.",
                )
            if not self.is_file and in_all > MAX_SECONDS:
                raise httpx.ReadTimeout(f"no whole answer within {MAX_SECONDS:.0f} seconds")
            if waited >= WINDOW:
                if in_window < MIN_SPEED * waited:
                    raise httpx.ReadTimeout(f"only {in_window} bytes within {waited:.0f} seconds")
                in_window, waited = 0, 0.0
            yield piece

    def close(self) -> None:
        """Let go of the stream."""
        self.stream.close()
