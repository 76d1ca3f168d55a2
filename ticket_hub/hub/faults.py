"""What the client's exceptions mean to a person who shares tickets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ticket_hub.errors import (
    HubAccessError,
    HubConflictError,
    HubError,
    HubNotFoundError,
    HubUnavailableError,
    TicketHubError,
)

__all__ = ["translated"]

UNAUTHORIZED, FORBIDDEN, TOO_MANY, SERVER = 401, 403, 429, 500
STALE = {409, 412}


@contextlib.contextmanager
def translated(  # noqa: C901 - one case for each kind of error
    location: str, repo: str = "", revision: str | None = None, path: str | None = None
) -> Iterator[None]:
    """Turn what `huggingface_hub` raises into errors of ours; the cause is kept.

    Raises:
        HubNotFoundError, HubAccessError, HubConflictError, HubUnavailableError, HubError.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    try:
        yield
    except TicketHubError:
        raise
    except errors.OfflineModeIsEnabled as error:
        raise HubUnavailableError(
            "The client works offline (HF_HUB_OFFLINE is set), and this is not on disk.",
            "Unset HF_HUB_OFFLINE, or pull the ticket once while there is a network.",
        ) from error
    except errors.GatedRepoError as error:
        raise HubAccessError(
            f"{repo} is gated: its owner grants access to each reader.",
            f"Ask for access at {location}/{repo}, and log in with `hf auth login`.",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubNotFoundError(
            f"There is no {repo} on {location}, or it is private.",
            "Check the name. For a private repository set HF_TOKEN, or run `hf auth login`.",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubNotFoundError(
            f"{repo} has no revision {revision!r}.",
            f"`ticket info {repo}` lists branches and tags.",
        ) from error
    except errors.EntryNotFoundError as error:
        raise HubNotFoundError(
            f"{repo} has no file {path!r} at {(revision or 'main')[:12]}.",
            "It is not a whole bundle; ask its owner to push it again.",
        ) from error
    except errors.HfHubHTTPError as error:
        raise _http_error(location, repo, error) from error
    except errors.HFValidationError as error:
        raise HubError(f"{repo!r} cannot be a repository: {error}", "Write owner/name.") from error
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        raise HubUnavailableError(
            f"{location} does not answer: {error or type(error).__name__}.",
            "Check the address (--hub, HF_ENDPOINT) and the network, then try again.",
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise HubError(
            f"{location} gives an answer that is none ({type(error).__name__}: {str(error)[:80]}).",
            "Check that the address is that of a hub.",
        ) from error


def _http_error(location: str, repo: str, error: Exception) -> HubError:
    response = getattr(error, "response", None)
    status = int(getattr(response, "status_code", 0))
    told = getattr(error, "server_message", None)
    words = f": {str(told).rstrip('.')}" if told else ""
    if status in STALE:
        return HubConflictError(
            f"{repo} has changed, or this name is taken{words}; nothing was changed.",
            "Pull it, look at what is new, and push again, or choose another name.",
        )
    if status == UNAUTHORIZED:
        return HubAccessError(
            f"{location} does not accept the token{words}.",
            "Set HF_TOKEN to a valid token, or run `hf auth login`.",
        )
    if status == FORBIDDEN:
        return HubAccessError(
            f"The token may not do this to {repo}{words}.",
            "Use a token with write scope, of an account that belongs to the owner.",
        )
    if status == TOO_MANY or status >= SERVER:
        return HubUnavailableError(
            f"{location} answers {status}{words}.", "Wait a little, then run the same again."
        )
    return HubError(f"{location} answers {status}{words}.", "Check the request.")
