"""From what a person names to a hub."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.errors import HubError
from ticket_hub.hub.base import Hub
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.huggingface import HuggingFaceHub

__all__ = ["connect"]


def connect(location: str | Path | None = None, *, token: str | None = None) -> Hub:
    """The hub at a location.

    Args:
        location: a folder, or the address of a server that speaks the Hugging Face Hub protocol;
            None is `HF_ENDPOINT`, or the public Hub.
        token: for a server; None is `HF_TOKEN`, or what `hf auth login` kept.

    Raises:
        HubError: the folder is something else, or the address is none.
    """
    text = str(location) if location is not None else ""
    if text.startswith(("http://", "https://")):
        return HuggingFaceHub(text.rstrip("/"), token=token)
    if "://" in text:
        raise HubError(
            f"{text} is no address of a hub.", "Give a folder, or an http:// or https:// address."
        )
    return FolderHub(Path(text).expanduser()) if text else HuggingFaceHub(token=token)
