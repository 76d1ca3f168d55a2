"""What docs/operating.md tells an operator to write and to type works as it stands there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.ports import free_port

pytest.importorskip("fastapi", reason="needs the service: pip install '.[serve]'")

from tests.helpers.forked import start_hub
from ticket_hub_api import operation
from ticket_hub_api.background import RunningHub
from ticket_hub_api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operating.md").read_text("utf-8")
GOLDEN = ROOT / "tests/golden/format-1"


def blocks(section: str, language: str = "") -> list[str]:
    """The fenced blocks of a section, in order."""
    text = PAGE.split(f"\n## {section}", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


Ticket = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ticket(quick_ticket: list[str]) -> Ticket:
    """Runs a command with some variables."""
    away = ("HF_", "TICKET_HUB_", "SSL_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(away)}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*quick_ticket, *arguments],
            env={**kept, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def settings_file(tmp_path: Path) -> dict[str, str]:
    """The page's settings, on this machine's folders and without a server for the database."""
    given = dict(line.split("=", 1) for line in blocks("Settings", "ini")[0].splitlines())
    assert all(name == "TICKET_HOME" or name.startswith("TICKET_HUB_") for name in given)
    given["TICKET_HOME"] = str(tmp_path / "home")
    given["TICKET_HUB_STORAGE"] = str(tmp_path / "blobs")
    del given["TICKET_HUB_DATABASE"]
    return given


def test_every_setting_of_the_page_exists() -> None:
    named = set(re.findall(r"`TICKET_HUB_([A-Z_]+)`", PAGE))
    assert named
    assert {name.lower() for name in named} <= set(Settings.__dataclass_fields__)
    written = dict(line.split("=", 1) for line in blocks("Settings", "ini")[0].splitlines())
    written.pop("TICKET_HOME")
    Settings.from_environment(written)


def test_the_pages_defaults_are_the_services(tmp_path: Path) -> None:
    defaults = Settings(folder=tmp_path)
    for name in ("requests_per_minute", "failures_per_minute", "log_level", "visibility"):
        row = re.search(rf"`TICKET_HUB_{name.upper()}` \| `?([^|`]+?)`? \|", PAGE)
        assert row
        assert row[1] == str(getattr(defaults, name))


def test_the_first_accounts_are_made_as_the_page_says(ticket: Ticket, tmp_path: Path) -> None:
    settings = settings_file(tmp_path)
    for line in blocks("The first account")[0].splitlines():
        done = ticket(*line.split()[1:], **settings)
        assert done.returncode == 0, done.stderr
    listed = ticket("hub", "user", "list", "-q", **settings).stdout.split()
    assert listed == ["ada", "lab"]


def test_a_hub_is_backed_up_restored_and_checked_as_the_page_says(
    ticket: Ticket, tmp_path: Path
) -> None:
    settings = settings_file(tmp_path)
    assert ticket("hub", "user", "add", "ada", **settings).returncode == 0
    backup, restore, fsck = (
        line.replace("/mnt/backup", str(tmp_path)).split()[1:]
        for line in blocks("Backup and restore")[0].splitlines()
    )
    assert ticket(*backup, **settings).returncode == 0
    elsewhere = {**settings, "TICKET_HOME": str(tmp_path / "new")}
    for arguments in (restore, fsck):
        done = ticket(*arguments, **elsewhere)
        assert done.returncode == 0, done.stderr
    assert ticket("hub", "user", "list", "-q", **elsewhere).stdout.split() == ["ada"]


def test_the_upgrade_names_commands_that_exist(ticket: Ticket) -> None:
    for block in (
        *blocks("Upgrading"),
        *blocks("Backup and restore"),
        *blocks("The first account"),
    ):
        for line in block.splitlines():
            if line.startswith("ticket "):
                words = [w for w in line.split()[1:] if re.fullmatch(r"[a-z]+", w)][:3]
                while words and ticket(*words, "--help").returncode:
                    words.pop()
                assert len(words) >= 2, line


def test_the_units_start_commands_with_options_that_they_have(ticket: Ticket) -> None:
    units = [*blocks("systemd", "ini"), *blocks("Workers", "ini")]
    assert len(units) == 2
    for unit in units:
        start = re.search(r"^ExecStart=\S+/ticket (\w+) (.*)$", unit, re.MULTILINE)
        assert start
        known = ticket(start[1], "--help").stdout
        for option in re.findall(r"--[a-z-]+", start[2]):
            assert option in known


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = [*blocks("systemd", "ini"), *blocks("Workers", "ini")]
    for number, unit in enumerate(units):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit, flags=re.MULTILINE)
        file = tmp_path / f"unit{number}.service"
        file.write_text(text.replace("User=ticket-hub\n", ""))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(file)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if file.name in line]
        assert not about, "\n".join(about)


@contextlib.contextmanager
def behind_nginx(tmp_path: Path) -> Iterator[tuple[RunningHub, str, Path]]:
    """A hub behind the page's nginx, with TLS by a certificate of our own; its address."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists() or not shutil.which("openssl"):
        pytest.skip("needs nginx and openssl: install Debian's packages nginx-light and openssl")
    port, certificate, key = free_port(), tmp_path / "hub.pem", tmp_path / "hub.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    hub = start_hub(Settings(folder=tmp_path / "hub", endpoint=f"https://localhost:{port}"))
    server = blocks("nginx, TLS", "nginx")[0]
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("hub.example.org;", "localhost;"),
        ("/etc/ssl/hub.example.org.pem", str(certificate)),
        ("/etc/ssl/private/hub.example.org.key", str(key)),
        ("http://127.0.0.1:8765", f"http://127.0.0.1:{hub.port}"),
    ):
        assert old in server
        server = server.replace(old, new)
    config = tmp_path / "nginx.conf"
    folders = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {folders} {server} }}"
    )
    proxy = subprocess.Popen(
        [nginx, "-p", str(tmp_path), "-c", str(config)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield hub, f"https://localhost:{port}", certificate
    finally:
        proxy.terminate()
        proxy.wait(30)
        hub.stop()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_ticket_goes_and_comes_through_nginx_with_tls(ticket: Ticket, tmp_path: Path) -> None:
    with behind_nginx(tmp_path) as (hub, endpoint, certificate):
        owner = operation.list_accounts(hub.settings)[0]["name"]
        name = f"{owner}/golden"
        share(ticket, name, hub.token, endpoint, certificate, tmp_path)


def share(
    ticket: Ticket, name: str, token: str, endpoint: str, certificate: Path, tmp_path: Path
) -> None:
    environment = {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": token,
        "HF_HOME": str(tmp_path / "huggingface"),
        "SSL_CERT_FILE": str(certificate),
        "HF_HUB_DISABLE_XET": "1",  # hf_xet knows the system's certificates alone
        "TICKET_HOME": str(tmp_path / "client"),
    }
    bundle = shutil.copytree(GOLDEN, tmp_path / "bundle")  # a push draws the card's figure into it
    pushed = ticket("push", str(bundle), name, **environment)
    assert pushed.returncode == 0, pushed.stderr
    pulled = ticket("pull", name, "--all", "-q", **environment)
    assert pulled.returncode == 0, pulled.stderr
    checked = ticket("verify", pulled.stdout.strip(), **environment)
    assert checked.returncode == 0, checked.stderr


def test_the_service_behind_nginx_sees_who_asks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with behind_nginx(tmp_path) as (hub, endpoint, certificate):
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"{endpoint}/healthz", context=context, timeout=30) as answer:
            identifier = answer.headers["X-Request-Id"]
        hub.stop()
        lines = capfd.readouterr().err.splitlines()
    assert any(identifier in line and '"address": "127.0.0.1"' in line for line in lines)
