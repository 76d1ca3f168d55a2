"""From what a person names to a hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ticket_hub.errors import HubError
from ticket_hub.home import expanded
from ticket_hub.hub.base import Hub
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.huggingface import HuggingFaceHub

__all__ = ["PUBLIC", "connect", "is_named", "is_own"]

PUBLIC = "https://huggingface.co"
"""The public Hub."""


def connect(
    location: str | Path | None = None, *, token: str | Literal[False] | None = None
) -> Hub:
    """The hub at a location.

    Args:
        location: a folder, or the address of a server that speaks the Hugging Face Hub protocol;
            None is `TICKET_HUB`, `HF_ENDPOINT`, or the public Hub.
        token: for a server; None is `HF_TOKEN`, or what `hf auth login` kept; False is none.

    Raises:
        HubError: the folder is something else, or the address is none.
    """
    text = str(location) if location is not None else _named_hub()
    if _is_address(text):
        return HuggingFaceHub(text.rstrip("/"), token=token)
    if "://" in text:
        raise HubError(
            f"{text} is no address of a hub.", "Give a folder, or an http:// or https:// address."
        )
    return FolderHub(expanded(text)) if text else _default_hub(token)


def _named_hub() -> str:
    """The folder or address that `TICKET_HUB` names; empty where it names none."""
    return os.environ.get("TICKET_HUB", "").strip()


def is_named() -> bool:
    """Whether the environment names a hub."""
    return bool(_named_hub() or os.environ.get("HF_ENDPOINT", "").strip())


def is_own(location: str) -> bool:
    """Whether `HF_TOKEN` is for this hub: the one of `HF_ENDPOINT`, or else the public Hub."""
    own = os.environ.get("HF_ENDPOINT", "").strip() or PUBLIC
    return location.rstrip("/").lower() == own.rstrip("/").lower()


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _default_hub(token: str | Literal[False] | None) -> HuggingFaceHub:
    """What `HF_ENDPOINT` names, or the public Hub, also where it is set to nothing."""
    named = os.environ.get("HF_ENDPOINT", PUBLIC).strip()
    if named and not _is_address(named):
        raise HubError(
            f"HF_ENDPOINT is {named[:200]!r}, which is no address of a hub.",
            "Set it to an http:// or https:// address, or unset it for the public Hub.",
        )
    return HuggingFaceHub(None if named else PUBLIC, token=token)
