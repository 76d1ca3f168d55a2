"""Reading from a server, tried again where it stopped.

The session, the headers and the errors are those of the official client. Its own readers are not
used: `model_info` is never tried again, a download that is cut off begins anew or ends in an
assertion, and paging follows an address to any host, for ever.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import hf_raise_for_status, httpx

from ticket_hub.errors import HubError
from ticket_hub.hub.bounds import FILE, TIMEOUT, bounded_session, origin

__all__ = ["Requests"]

MAX_PAGES = 1000
MAX_PAUSE = 8.0
MAX_WAIT = 120.0
ENOUGH = 64 << 10
"""Bytes after which a transfer that was cut off has made progress; of a small file, a part."""
PARTS = 20

PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
AGAIN = {408, 429, 500, 502, 503, 504}
CUT = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class Requests:
    """What one operation asks of a server.

    Args:
        endpoint: the only place that the token in `headers` is for.
        patience: how often a request that got 429, 5xx or half an answer is tried again, each time
            after a longer pause; a transfer that has made progress has all of it again.
        pause: seconds before the second try.
    """

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], *, patience: int, pause: float
    ) -> None:
        self.endpoint = endpoint
        self.headers = dict(headers)
        self.patience = patience
        self.pause = pause

    def json(self, address: str, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - any JSON value
        """The value at an address, which begins with `/`."""
        return self._get(self.endpoint + address, params).json()

    def lines(self, address: str, headers: Mapping[str, str]) -> Iterator[str]:
        """The lines of an answer that goes on while something happens; a cut ends it early.

        Args:
            headers: beside the usual ones, such as what says where to go on.
        """
        session = bounded_session(self.endpoint, self.headers)
        with (
            contextlib.suppress(*CUT),
            session.stream(
                "GET",
                self.endpoint + address,
                headers={**self.headers, **headers},
                follow_redirects=True,
                timeout=TIMEOUT,
                extensions=FILE,
            ) as response,
        ):
            hf_raise_for_status(response)
            yield from response.iter_lines()

    def pages(self, address: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """The items of a list, page by page.

        Raises:
            HubError: the pages lead in a circle, to another host, or do not end.
        """
        url = httpx.URL(self.endpoint + address, params=params)
        seen = set()
        while True:
            seen.add(url)
            answer = self._get(str(url))
            yield from answer.json()
            following = answer.links.get("next", {}).get("url")
            if following is None:
                return
            url = answer.request.url.join(following)
            if origin(url) != origin(answer.request.url):  # it would get the token
                raise HubError(
                    f"{self.endpoint} goes on with its list at {url.host}, another host.",
                    "Use the address by which the hub names itself.",
                )
            # A server that answers with the same page again would be asked for ever.
            if url in seen or len(seen) >= MAX_PAGES:
                raise HubError(
                    f"The list of {self.endpoint} does not end: after {len(seen)} pages "
                    f"{'comes one again' if url in seen else 'there are more'}.",
                    "Check that the address is that of a hub.",
                )

    def file(self, url: str, offset: int, size: int | None) -> Iterator[tuple[int, bytes]]:
        """The bytes of a file, with the place at which they stand in it.

        The first stand at `offset`, or at 0 from a server that knows no ranges. After a cut the
        rest is asked for; where it comes from the beginning again, so does what is yielded.

        Args:
            size: after which the file is whole; None where only the server knows.
        """
        enough = ENOUGH if size is None else max(1, min(ENOUGH, size // PARTS))
        place = best = offset
        ranges = True
        tries = _Tries(self.patience, self.pause)
        while True:
            place = place if ranges else 0
            try:
                headers = self.headers | ({"Range": f"bytes={place}-"} if place else {})
                with bounded_session(self.endpoint, self.headers).stream(
                    "GET",
                    url,
                    headers=headers,
                    follow_redirects=True,
                    timeout=TIMEOUT,
                    extensions=FILE,
                ) as response:
                    if place and response.status_code == RANGE_NOT_SATISFIABLE:
                        return  # it ends here, as whoever compares digests will find
                    hf_raise_for_status(response)
                    began = _beginning(response, place)
                    if began is None and not place:
                        raise HubError(
                            f"{self.endpoint} answers with another part of a file than was asked.",
                            "Check the address, and what stands between here and the hub.",
                        )
                    if began is None:
                        ranges = False
                        continue
                    place = began
                    # Raw: decoding would let a small answer become a large one, and places are of
                    # bytes on the wire.
                    for piece in response.iter_raw():
                        yield place, piece
                        place += len(piece)
                # With either header the client itself notices a body that is cut off.
                named = response.headers
                ends = "Content-Length" in named or "Transfer-Encoding" in named
                if size is None or place >= size or ends:
                    return
                raise httpx.RemoteProtocolError(f"the body ends after {place} of {size} bytes")
            except (*CUT, HfHubHTTPError) as error:
                # A piece of some size, lest a server that gives a byte each time be asked for ever.
                tries.failed(error, progress=place - best >= enough)
                best = max(best, place)

    def _get(self, url: str, params: Mapping[str, Any] | None = None) -> httpx.Response:
        tries = _Tries(self.patience, self.pause)
        while True:
            try:
                session = bounded_session(self.endpoint, self.headers)
                answer = session.get(
                    url,
                    params=params,
                    headers=self.headers,
                    follow_redirects=True,
                    timeout=TIMEOUT,
                )
                hf_raise_for_status(answer)
            # Not tried again: nobody is there, and whoever mistyped an address wants to know at
            # once.
            except (httpx.ConnectError, httpx.ConnectTimeout):
                raise  # the wrong address, mostly
            except (*CUT, HfHubHTTPError) as error:
                tries.failed(error)
            else:
                return answer


class _Tries:
    """How often something was tried without progress."""

    def __init__(self, patience: int, pause: float) -> None:
        self.patience, self.pause = patience, pause
        self.used = self.spent = 0

    def failed(
        self, error: httpx.TransportError | HfHubHTTPError, *, progress: bool = False
    ) -> None:
        """Wait before the next try; or raise, when there is to be none."""
        # A refusal stays one, however often it is asked for.
        if isinstance(error, HfHubHTTPError) and error.response.status_code not in AGAIN:
            raise error
        self.used = 0 if progress else self.used + 1
        # A try that ended in waiting has cost as much patience as two that ended at once.
        self.spent = (0 if progress else self.spent) + 1 + isinstance(error, httpx.TimeoutException)
        wait = self.pause / 10 if progress else min(MAX_PAUSE, self.pause * 2 ** (self.used - 1))
        if isinstance(error, HfHubHTTPError):
            told = error.response.headers.get("Retry-After", "")
            wait = float(told) if told.isdecimal() else wait
        if self.spent > self.patience or wait > MAX_WAIT:
            raise error
        time.sleep(wait)


def _beginning(response: httpx.Response, place: int) -> int | None:
    """Where the bytes of an answer stand in the file; None where not at the place asked for."""
    if response.status_code != PARTIAL_CONTENT:
        return 0
    stated = response.headers.get("Content-Range")
    if stated is None:  # what came is compared with its digest in the end
        return place
    match = _CONTENT_RANGE.fullmatch(stated.strip())
    return place if match and int(match[1]) == place else None
