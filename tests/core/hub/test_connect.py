"""Which hub a name, or none, stands for."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import close_session

from ticket_hub.errors import HubError, HubUnavailableError
from ticket_hub.hub.connect import PUBLIC, connect
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.huggingface import HuggingFaceHub


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


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks9://127.0.0.1:9", "no address"])
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    close_session()  # the client keeps one connection pool, and with it the proxies of its start
    try:
        with pytest.raises(HubUnavailableError, match=r"(?i)proxy") as refused:
            HuggingFaceHub("http://127.0.0.1:9", patience=0).snapshot("ann/digits")
        assert "ALL_PROXY" in refused.value.remedy
    finally:
        close_session()


def test_a_hub_that_ticket_hub_names_is_the_one_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HUB", str(tmp_path / "lab"))
    monkeypatch.setenv("HF_ENDPOINT", "https://other.example")
    assert connect().location == str(tmp_path / "lab")
    assert connect("https://given.example").location == "https://given.example"
    monkeypatch.setenv("TICKET_HUB", "https://tickets.example")
    assert connect().location == "https://tickets.example"
    monkeypatch.setenv("TICKET_HUB", " ")
    monkeypatch.delenv("HF_ENDPOINT")
    assert connect().location == PUBLIC
