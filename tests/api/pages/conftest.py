from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.browsing import Reader, Shown, Visit
from tests.helpers.controlled import GOLDEN, controlled_bundle
from ticket_hub.hub import connect
from ticket_hub.hub import push as push_as_it_is
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.background import RunningHub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def reader(hub: RunningHub) -> Reader:
    return Reader(hub.endpoint)


@pytest.fixture
def member(hub: RunningHub) -> Reader:
    """A reader who has signed in as the hub's administrator."""
    reader = Reader(hub.endpoint)
    assert reader.sign_in(hub.token).status == 303
    return reader


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser, shared by all tests; each test gets a profile of its own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs a browser: install Debian's package chromium")
    flags = ["--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=flags, chromium_sandbox=False
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, hub: RunningHub) -> Iterator[Visit]:
    visit = Visit(chromium, hub.endpoint)
    yield visit
    visit.close()
    visit.check()


@pytest.fixture(scope="session")
def shown(hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("shown")
    about = Reader(hub.endpoint).get("/api/whoami-v2", Authorization=f"Bearer {hub.token}")
    owner = json.loads(about.text)["name"]
    names = Shown(*(f"{owner}/pages-{kind}" for kind in ("controlled", "plain", "private")))
    plain = Path(shutil.copytree(GOLDEN, folder / "plain"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKET_HOME", str(folder / "home"))
        patch.setenv("HF_HOME", str(folder / "huggingface"))
        push = partial(push_bundle, hub=hub.endpoint, token=hub.token)
        push(controlled_bundle(folder / "controlled"), names.controlled)
        push(plain, names.plain)
        client = connect(hub.endpoint, token=hub.token)
        push_as_it_is(client, plain, names.private, private=True)
    return names


@pytest.fixture
def quiet_visit(chromium: Browser, hub: RunningHub) -> Iterator[Visit]:
    """A browser that runs no script."""
    visit = Visit(chromium, hub.endpoint, java_script_enabled=False)
    yield visit
    visit.close()
    visit.check()
