"""What the client's exceptions mean to a person who shares tickets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ticket_hub.errors import (
    HubAccessError,
    HubConflictError,
    HubError,
    HubNotFoundError,
    HubUnavailableError,
    TicketHubError,
)

__all__ = ["translated"]

UNAUTHORIZED, FORBIDDEN, MISSING, TOO_MANY, SERVER = 401, 403, 404, 429, 500
STALE = {409, 412}


MEANINGS: Mapping[str, tuple[type[HubError], str, str]] = {
    "OfflineModeIsEnabled": (
        HubUnavailableError,
        "The client works offline (HF_HUB_OFFLINE is set): {location} was not asked.",
        "Unset HF_HUB_OFFLINE where there is a network; what was pulled then is here without it.",
    ),
    "GatedRepoError": (
        HubAccessError,
        "{repo} is gated: its owner grants access to each reader.",
        "Ask for access at {location}/{repo}, and log in with `hf auth login`.",
    ),
    "RepositoryNotFoundError": (
        HubNotFoundError,
        "There is no {repo} on {location}, or it is private.",
        "Check the name. For a private repository set HF_TOKEN, or run `hf auth login`.",
    ),
    "RevisionNotFoundError": (
        HubNotFoundError,
        "{repo} has no revision {revision!r}.",
        "`ticket info {repo}` lists branches and tags.",
    ),
    "EntryNotFoundError": (
        HubNotFoundError,
        "{repo} has no file {path!r} at {commit}.",
        "It is not a whole bundle; ask its owner to push it again.",
    ),
    "HFValidationError": (
        HubError,
        "{repo!r} cannot be a repository: {error}",
        "Write owner/name.",
    ),
}
"""The client's exception -> our error, problem and remedy; subclasses stand before their bases."""


@contextlib.contextmanager
def translated(
    location: str, repo: str = "", revision: str | None = None, path: str | None = None
) -> Iterator[None]:
    """Turn what `huggingface_hub` raises into errors of ours; the cause is kept.

    Raises:
        HubNotFoundError, HubAccessError, HubConflictError, HubUnavailableError, HubError.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    known = {getattr(errors, name): meaning for name, meaning in MEANINGS.items()}
    try:
        yield
    except TicketHubError:
        raise
    except tuple(known) as error:
        kind, problem, remedy = next(known[each] for each in known if isinstance(error, each))
        commit = (revision or "main")[:12]
        facts = {"location": location, "repo": repo, "revision": revision, "path": path}
        facts |= {"commit": commit, "error": error}
        raise kind(problem.format(**facts), remedy.format(**facts)) from error
    except errors.HfHubHTTPError as error:
        raise _http_error(location, repo, error) from error
    except httpx.TooManyRedirects as error:
        raise HubError(
            f"{location} sends every request on to another address, in a circle.",
            "Check the address (--hub, HF_ENDPOINT), and what stands between here and the hub.",
        ) from error
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        raise _no_answer(location, path, error) from error
    except Exception as error:  # the client documents no common class of its errors
        if "proxy" in str(error).lower():
            raise HubUnavailableError(
                f"{location} cannot be asked through this proxy: {error}",
                "Name an http:// proxy in HTTPS_PROXY and ALL_PROXY, or the hub's host in "
                "NO_PROXY; for SOCKS, `pip install 'httpx[socks]'`.",
            ) from error
        raise HubError(
            f"{location} gives an answer that is none ({type(error).__name__}: {str(error)[:80]}).",
            "Check that the address is that of a hub.",
        ) from error


def _no_answer(location: str, path: str | None, error: Exception) -> HubUnavailableError:
    reason = str(error).rstrip(".") or type(error).__name__
    if path is not None:
        return HubUnavailableError(
            f"{location} did not send the whole of {path}: {reason}.",
            "Run the same again: what has come of a bundle is kept, and it goes on there.",
        )
    parts, proxies = urlsplit(location), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
        return HubUnavailableError(
            f"{location} does not answer by way of the proxy {proxy.rpartition('@')[2]}: {reason}.",
            "Check the proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY; NO_PROXY names hosts that need "
            "none) and the address (--hub, HF_ENDPOINT), then try again.",
        )
    return HubUnavailableError(
        f"{location} does not answer: {reason}.",
        "Check the address (--hub, HF_ENDPOINT) and the network, then try again.",
    )


def _http_error(location: str, repo: str, error: Exception) -> HubError:
    response = getattr(error, "response", None)
    status = int(getattr(response, "status_code", 0))
    told = getattr(error, "server_message", None)
    words = f": {str(told).rstrip('.')}" if told else ""
    if status in STALE:
        return HubConflictError(
            f"{repo or location} has changed, or this name is taken{words}; nothing was changed.",
            "Pull it, look at what is new, and push again, or choose another name.",
        )
    if status == UNAUTHORIZED:
        return HubAccessError(
            f"{location} does not accept the token{words}.",
            "Set HF_TOKEN to a valid token, or run `hf auth login`.",
        )
    if status == FORBIDDEN:
        return HubAccessError(
            f"The token may not do this to {repo or location}{words}.",
            "Use a token with write scope, of an account that belongs to the owner."
            if repo
            else "Use a token that may read; a proxy between here and the hub may refuse, too.",
        )
    if status == TOO_MANY or status >= SERVER:
        return HubUnavailableError(
            f"{location} answers {status}{words}.", "Wait a little, then run the same again."
        )
    remedy = "Check the name, and that the address (--hub, HF_ENDPOINT) is that of a hub."
    if status != MISSING:
        remedy = "Check the request."
    return HubError(f"{location} answers {status}{words}.", remedy)
