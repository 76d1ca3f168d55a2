"""Pull whatever is newest until killed, and check that no commit is seen in halves."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download


def main(repository: str, log: Path) -> None:
    api = HfApi()
    with log.open("a") as seen:
        while True:
            folder = Path(tempfile.mkdtemp(dir=log.parent))
            try:
                sha = api.model_info(repository).sha
                snapshot_download(repository, revision=sha, local_dir=folder, max_workers=2)
            except Exception as error:  # noqa: BLE001 - a hub that was killed; nothing was shown
                sys.stderr.write(f"{error}\n")
                shutil.rmtree(folder)
                continue
            seen.write(f"{'whole' if whole(folder) else 'TORN'} {sha}\n")
            seen.flush()
            shutil.rmtree(folder)


def whole(folder: Path) -> bool:
    for manifest in folder.glob("*/manifest.json"):
        for path, digest in json.loads(manifest.read_bytes()).items():
            data = (manifest.parent / path).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
