"""Which hub a name, or none, stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ticket_hub.errors import HubError
from ticket_hub.hub.connect import PUBLIC, connect
from ticket_hub.hub.folder import FolderHub


def test_an_address_is_a_server_and_a_path_a_folder(tmp_path: Path) -> None:
    assert connect("https://tickets.example.org/").location == "https://tickets.example.org"
    assert isinstance(connect(tmp_path / "our tickets"), FolderHub)


@pytest.mark.parametrize("text", ["ftp://x", "http://", "https:///x", "x://y"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(HubError, match="is no address of a hub"):
        connect(text)


@pytest.mark.parametrize("text", ["127.0.0.1:8765", "tickets.example.org", "http://"])
def test_an_endpoint_that_is_no_address_is_named(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", text)
    with pytest.raises(HubError, match=r"HF_ENDPOINT is .*no address"):
        connect()


def test_an_endpoint_that_is_set_to_nothing_is_the_public_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", " ")
    assert connect().location == PUBLIC
