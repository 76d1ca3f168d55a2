"""Pull a ticket many times at once, each time into an empty cache: REPO FOLDER COUNT.

Says `ready` when everything is imported, begins at the first line on stdin, and prints for each
pull the commit, or what went wrong.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ticket_hub.bundle import verify_bundle
from ticket_hub.hub import Cache, connect, pull


def one(repo: str, folder: Path) -> str:
    hub = connect(os.environ["HF_ENDPOINT"], token=os.environ["HF_TOKEN"])
    pulled = pull(hub, repo, level="all", cache=Cache(folder))
    assert verify_bundle(pulled.folder).holds
    return pulled.commit


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    repo, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with ThreadPoolExecutor(count) as pool:
        say("ready")
        sys.stdin.readline()
        for commit in pool.map(lambda number: one(repo, folder / str(number)), range(count)):
            say(commit)


if __name__ == "__main__":
    main()
