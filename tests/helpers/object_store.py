"""An S3 that is started for the tests (a plugin of theirs)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.helpers.calling import Caller
from tests.helpers.ports import free_port


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that leads to an S3 of our own, with the bucket `team`."""
    pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[server]'")
    pytest.importorskip("s3fs", reason="needs s3fs: pip install '.[s3]'")
    port = free_port()
    log = (tmp_path_factory.mktemp("s3") / "log").open("wb")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                call = Caller(environment["AWS_ENDPOINT_URL"])
                assert call("PUT", "/team").status == 200
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield environment
    finally:
        process.terminate()
        process.wait(30)
        log.close()
