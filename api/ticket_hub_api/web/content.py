"""A file as an HTTP answer: ranges, conditions, stable tags, and nothing a browser would run."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ticket_hub_api.store.objects import FileAnswer

__all__ = ["answer_file", "parse_range"]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class UnsatisfiableRangeError(ValueError):
    """The range begins behind the end of the file."""


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last, or None for the whole file.

    Several ranges at once, and what is no range of bytes, mean the whole file, as the standard
    allows.

    Raises:
        UnsatisfiableRangeError: there is no such part.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = min(int(match[2]), size)
        if length == 0:
            raise UnsatisfiableRangeError(text)
        return size - length, size
    start = int(match[1])
    stop = min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError(text)
    return start, stop


def _headers(answer: FileAnswer, refresh: str) -> dict[str, str]:
    name = answer.path.rpartition("/")[2]
    headers = {
        "X-Repo-Commit": answer.commit,
        "ETag": f'"{answer.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
    }
    if answer.large:
        headers["X-Linked-Etag"] = f'"{answer.etag}"'
        headers["X-Linked-Size"] = str(answer.content.size)
    if answer.xet_hash:
        headers["X-Xet-Hash"] = answer.xet_hash
        headers["X-Xet-Refresh-Route"] = refresh
        headers["Link"] = f'<{refresh}>; rel="xet-auth"'
    return headers


def _matches(text: str, etag: str) -> bool:
    """Whether one of the tags in a condition is this one."""
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in text.split(",")]
    return "*" in tags or etag in tags


def answer_file(request: Request, answer: FileAnswer, refresh: str) -> Response:
    """200, 206, 304 or 416, as the request's conditions and range demand."""
    headers, size = _headers(answer, refresh), answer.content.size
    condition = request.headers.get("if-none-match")
    if condition is not None and _matches(condition, answer.etag):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range", "")
    unchanged = request.headers.get("if-range")
    if unchanged is not None and not _matches(unchanged, answer.etag):
        wanted = ""
    if wanted and not size:  # nothing can be a part of it; huggingface.js reads here how long it is
        headers["Content-Range"] = "bytes */0"
        wanted = ""
    try:
        part = parse_range(wanted, size)
    except UnsatisfiableRangeError:
        headers["Content-Range"] = f"bytes */{size}"
        return Response(status_code=416, headers=headers)
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 206 if part else 200
    headers["Content-Type"] = "application/octet-stream"
    if request.method == "HEAD" or start == stop:
        return Response(status_code=status, headers=headers)
    if answer.body is not None:
        return Response(answer.body[start:stop], status, headers)
    return StreamingResponse(answer.content.read(start, stop), status, headers)
