"""Push commits until killed; each one that the hub acknowledged is noted on disk, synced."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi


def main(repository: str, name: str, log: Path) -> None:
    api = HfApi()
    with log.open("a") as acknowledged:
        for number in range(10_000):
            label = f"{name}-{number}"
            contents = {
                "large.bin": hashlib.shake_256(label.encode()).digest(150_000 + 100 * number),
                "small.txt": label.encode(),
            }
            digests = {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}
            contents["manifest.json"] = json.dumps(digests).encode()
            slot = name.partition("-")[0]
            operations = [
                CommitOperationAdd(f"{slot}/{path}", data) for path, data in contents.items()
            ]
            try:
                done = api.create_commit(repository, operations, commit_message=label)
            except Exception as error:  # noqa: BLE001 - a hub that was killed; not acknowledged
                sys.stderr.write(f"{error}\n")
                continue
            acknowledged.write(f"{done.oid} {slot} {digests['large.bin']}\n")
            acknowledged.flush()
            os.fsync(acknowledged.fileno())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
