"""Push or pull one large file, and print the sha256 of what was pulled."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download


def main(action: str, repository: str, path: str) -> None:
    if action == "push":
        HfApi().upload_file(path_or_fileobj=path, path_in_repo="large.bin", repo_id=repository)
        return
    pulled = Path(hf_hub_download(repository, "large.bin", local_dir=path))
    with pulled.open("rb") as stream:
        sys.stdout.write(hashlib.file_digest(stream, "sha256").hexdigest() + "\n")
    pulled.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
