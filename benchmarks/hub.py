"""How fast the hub answers, against a plain Starlette route on the same machine.

    python benchmarks/hub.py [--rounds 5] [--requests 1500] [--connections 8]

Reads of metadata are made with a token, on a repository of 40 files; the plain route answers as
many bytes from memory, and checks nothing. Pulls of a file are compared with Starlette's own
FileResponse: of a file that came whole, and of one that is stored as chunks. See `loaded.py`.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants
from loaded import AskedRoute, beside, choices, compare, plain_server, report

from ticket_hub_api.background import RunningHub, running_hub
from ticket_hub_api.settings import Settings


def make_repository(api: HfApi, large: bytes) -> str:
    """A repository of forty files, two of them large: one sent whole, one as chunks."""
    name = api.create_repo("benchmark").repo_id
    operations = [CommitOperationAdd(f"f/{n:02d}.txt", f"{n}".encode()) for n in range(37)]
    operations.append(CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# A card\n"))
    operations.append(CommitOperationAdd("chunks.bin", large))
    api.create_commit(name, operations, commit_message="files")
    constants.HF_HUB_DISABLE_XET = True
    other = [CommitOperationAdd("whole.bin", large[::-1])]
    api.create_commit(name, other, commit_message="one more")
    return name


def run(folder: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Start both servers and compare them."""
    large = hashlib.shake_256(b"large").digest(20_000_000)
    (folder / "file").write_bytes(large)
    settings = Settings(
        requests_per_minute=0,
        folder=folder / "hub",
        database=chosen.database,
        response_cache=not chosen.no_cache,
    )
    with running_hub(settings) as hub, plain_server(folder / "file") as plain:
        name = make_repository(HfApi(endpoint=hub.endpoint, token=hub.token), large)
        rows = compare(beside(plain, reads(hub, name)), chosen)
        pulls = [(plain.file(), target) for target in _pulls(hub, name)]
        return rows + compare(pulls, chosen, requests=4 * chosen.connections)


def reads(hub: RunningHub, name: str) -> list[AskedRoute]:
    """Small reads of a repository that `make_repository` made."""
    paths = {
        "model info": f"/api/models/{name}",
        "refs": f"/api/models/{name}/refs",
        "tree of 40 files": f"/api/models/{name}/tree/main?recursive=true",
        "list of models": "/api/models?limit=20",
        "small file": f"/{name}/resolve/main/README.md",
    }
    return [
        AskedRoute(what, hub.port, path, hub.process.pid, hub.token) for what, path in paths.items()
    ]


def _pulls(hub: RunningHub, name: str) -> list[AskedRoute]:
    base = f"/{name}/resolve/main/"
    paths = {"whole": "whole.bin", "in chunks": "chunks.bin"}
    return [
        AskedRoute(f"pull of 20 MB, {what}", hub.port, base + path, hub.process.pid, hub.token)
        for what, path in paths.items()
    ]


if __name__ == "__main__":
    report(run, choices(__doc__).parse_args())
