"""`ticket ui`: what is on this machine, on a hub's pages, for this machine alone."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the service: pip install '.[serve]'")

from tests.helpers import forked
from tests.helpers.experiments import evidence_table, write_run
from ticket_hub.errors import TicketHubError
from ticket_hub.hub.cache import Cache
from ticket_hub.runs.local_pages import shown_here
from ticket_hub_api.operation.local import local_pages

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def test_the_pages_show_runs_experiments_and_the_package_and_take_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # no proxy is asked for this machine
    monkeypatch.setenv("no_proxy", "intranet.example")
    runs = tmp_path / "runs"
    bundle = Path(shutil.copytree(GOLDEN, runs / "digits--1/bundle"))
    (runs / "digits--1/run.json").write_text("{}")  # damaged, and its bundle is not
    write_run(runs / "again", evidence_table(bundle, who="Bo"))
    found = shown_here(runs, Cache(tmp_path / "cache"))
    assert found.bundles.keys() >= {"builtin/digits"}
    told: list[TicketHubError] = []
    shown = {"builtin/digits": found.bundles["builtin/digits"], "local/mine": bundle,
             "local/broken": tmp_path}  # fmt: skip
    evidence = [json.loads((each / "evidence.json").read_bytes()) for each in found.evidence]
    assert len(evidence) == 1
    with local_pages(shown, evidence, report=told.append, launch=forked.server) as address:
        page = get(f"{address}/tickets/local/mine")
        assert "ticket show mine" in page
        assert "trained again on digits" in page
        assert 'width="864"' in page
        (address_of_it,) = set(re.findall(r'href="(/experiments/[0-9a-f]{64})"', page))
        assert "reinit" in get(address + address_of_it)
        assert "ticket show builtin:digits" in get(f"{address}/tickets/builtin/digits")
        assert "Sign in" not in page
        assert ">Jobs<" not in page
        for method in ("POST", "DELETE"):
            request = urllib.request.Request(f"{address}/api/v1/experiments", b"{}", method=method)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            assert refused.value.code in {401, 405}
            refused.value.close()
    assert len(told) == 1
    with pytest.raises(urllib.error.URLError):
        get(address)
