"""Addresses that are handed out lead to this hub, whatever a client says in its Host header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from ticket_hub_api.background import RunningHub

Call = Callable[..., Any]
StartHub = Callable[..., RunningHub]


def handed_out(call: Call, repository: str, host: str) -> set[str]:
    """Scheme and host of every address in the answers to a client that says this Host."""
    headers = {"Host": host}
    batch = {"operation": "upload", "objects": [{"oid": "1" * 64, "size": 1}]}
    answers = [
        call("POST", "/api/repos/create", {"name": repository.partition("/")[2]}, headers=headers),
        call("POST", f"/{repository}.git/info/lfs/objects/batch", batch, headers=headers),
        call("GET", f"/api/models/{repository}/xet-write-token/main", headers=headers),
    ]
    actions = answers[1].json["objects"][0]["actions"]
    found = [
        answers[0].json["url"],
        actions["upload"]["href"],
        actions["verify"]["href"],
        answers[2].json["casUrl"],
        call("GET", f"/api/models/{repository}/tree/main?limit=1&recursive=1", headers=headers)
        .headers.get("Link", f"<{answers[0].json['url']}>")
        .partition(">")[0][1:],
    ]
    return {"{0.scheme}://{0.netloc}".format(urlsplit(each)) for each in found}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "a b", "127.0.0.1.evil.example", "[::1].x"]
)
def test_a_host_that_nobody_allowed_is_not_believed(
    hub: RunningHub, call: Call, repository: str, host: str
) -> None:
    assert handed_out(call, repository, host) == {hub.endpoint}


@pytest.mark.parametrize("host", ["localhost:9000", "localhost", "127.0.0.1:80", "[::1]:8765"])
def test_this_machines_own_names_are_believed_on_loopback(
    call: Call, repository: str, host: str
) -> None:
    """A tunnel to the hub gives it another port here."""
    assert handed_out(call, repository, host) == {f"http://{host}"}


def test_hosts_that_the_operator_allows_are_believed(
    start: StartHub, call_to: Callable[[RunningHub], Call]
) -> None:
    hub = start(hosts="hub.lab, other.lab:8080")
    call = call_to(hub)
    name = call("POST", "/api/repos/create", {"name": "net"}).json["name"]
    for host in ("hub.lab", "HUB.lab", "hub.lab:99", "other.lab:8080"):
        assert handed_out(call, name, host) == {f"http://{host}"}
    for host in ("other.lab", "other.lab:80", "hub.lab.evil", "xhub.lab"):
        assert handed_out(call, name, host) == {hub.endpoint}


def test_a_configured_endpoint_is_the_one_for_all_but_hosts_that_are_allowed_beside_it(
    start: StartHub, call_to: Callable[[RunningHub], Call]
) -> None:
    hub = start(endpoint="https://hub.example.org/", hosts="hub.lab")
    call = call_to(replace(hub, endpoint=f"http://127.0.0.1:{hub.port}"))
    name = call("POST", "/api/repos/create", {"name": "net"}).json["name"]
    for host in ("hub.example.org", "localhost", "evil.example"):
        assert handed_out(call, name, host) == {"https://hub.example.org"}
    # A worker that reaches the hub by its name in a compose file, and not by way of the proxy.
    assert handed_out(call, name, "hub.lab:8765") == {"http://hub.lab:8765"}
