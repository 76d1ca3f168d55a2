"""New repositories, with the first commit that says which files are large."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.hub_protocol.changes import check_names
from ticket_hub_api.hub_protocol.commits import CommitWork, Draft, write_revision
from ticket_hub_api.hub_protocol.operations import Add, CommitPlan, decode_content
from ticket_hub_api.hub_protocol.schemas import CreateIn
from ticket_hub_api.services import Services
from ticket_hub_api.store import repositories
from ticket_hub_api.store.names import check_path, check_repository_name, repository_key
from ticket_hub_api.store.repositories import RepositoryRow
from ticket_hub_api.store.tables import Repository
from ticket_hub_api.store.trees import TreeEntry

__all__ = ["LARGE_PATTERNS", "create_repository", "first_files"]

LARGE_PATTERNS = (
    "*.7z", "*.arrow", "*.bin", "*.bz2", "*.ckpt", "*.ftz", "*.gz", "*.h5", "*.joblib",
    "*.mlmodel", "*.model", "*.msgpack", "*.npy", "*.npz", "*.onnx", "*.ot", "*.parquet", "*.pb",
    "*.pickle", "*.pkl", "*.pt", "*.pth", "*.rar", "*.safetensors", "saved_model/**/*", "*.tar.*",
    "*.tar", "*.tflite", "*.tgz", "*.wasm", "*.xz", "*.zip", "*.zst", "*tfevents*",
)  # fmt: skip


def first_files(body: CreateIn) -> dict[str, bytes]:
    """What a new repository holds: which files are large, the license's card, what was sent.

    Raises:
        ApiError: 400 for an impossible path, or a content that is not what its encoding says.
    """
    text = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE_PATTERNS)
    files = {".gitattributes": text.encode()}
    if body.license is not None:
        files["README.md"] = f"---\nlicense: {json.dumps(body.license)}\n---\n".encode()
    for file in body.files:
        files[check_path(file.path)] = decode_content(file.content, file.encoding)
    check_names(files, ())
    return files


def create_repository(
    services: Services,
    principal: Principal,
    *,
    kind: str,
    namespace: str,
    name: str,
    visibility: str,
    files: Mapping[str, bytes],
) -> tuple[RepositoryRow, bool]:
    """Make a repository; with False when there was one of that name.

    Args:
        files: path -> content of what is in it from the beginning, as `first_files` gives it.

    Raises:
        ApiError: 400 for an impossible name, 403 without a right to the namespace.
    """
    check_repository_name(name)
    draft = Draft(services)
    try:
        kept = [draft.keep(path, content) for path, content in files.items()]
        plan = CommitPlan(title="initial commit", operations=[*kept])

        def make(session: Session) -> tuple[RepositoryRow, bool]:
            """Enter the repository with its first commit; one that is there already stays."""
            owner = repositories.owner_for(session, principal, namespace)
            key = repository_key(kind, owner.name, name)
            if session.scalar(select(Repository.id).where(Repository.key == key)):
                return _row(session, key), False
            repositories.release_name(session, key)
            repository = Repository(
                kind=kind, owner_id=owner.id, namespace=owner.name, name=name, key=key,
                visibility=visibility, head="", commits=0, changes=0,
            )  # fmt: skip
            session.add(repository)
            session.flush()
            draft.enter(session, plan)
            # The commit that every history begins with.
            work = CommitWork(
                services=services,
                session=session,
                repository=repository,
                branch="main",
                plan=plan,
                author=principal.name,
            )
            files = {
                add.path: TreeEntry(add.sha256, add.size or 0, add.oid, large=False, changed=1)
                for add in plan.operations
                if isinstance(add, Add)
            }
            session.flush()
            write_revision(work, None, files)
            session.flush()
            return _row(session, key), True

        return services.database.transact(make)
    finally:
        draft.clear()


def _row(session: Session, key: str) -> RepositoryRow:
    row = repositories.find(session, key)
    assert row is not None
    return row
