"""What the files of a revision come to by the operations of a commit; no database is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ticket_hub_api import errors
from ticket_hub_api.hub_protocol.operations import Add, Delete
from ticket_hub_api.store.names import folded
from ticket_hub_api.store.trees import TreeEntry, pointer_id

__all__ = ["SizeOf", "carry_out", "check_names", "is_same"]


def is_same(one: TreeEntry, other: TreeEntry) -> bool:
    """Whether a file stays as it is: its content, and how git would hold it."""
    return (one.sha256, one.large) == (other.sha256, other.large)


SizeOf = Callable[[str], int]


def carry_out(
    files: dict[str, TreeEntry], operation: Add | Delete, number: int, size_of: SizeOf
) -> None:
    """Carry out one operation on the files of a revision, by path.

    Args:
        number: of the commit that is made.
        size_of: gives the size of a large object that the caller may name.

    Raises:
        ApiError: 400, where it cannot be done.
    """
    if isinstance(operation, Delete):
        doomed = [operation.path] if operation.path in files else []
        if operation.folder:
            doomed = [path for path in files if path.startswith(operation.path + "/")]
        if not doomed:
            raise errors.bad_request(f"{operation.path!r} cannot be deleted: it does not exist.")
        for path in doomed:
            del files[path]
        return
    entry = TreeEntry(
        operation.sha256, operation.size or 0, operation.oid, large=False, changed=number
    )
    if not operation.oid:
        size = size_of(operation.sha256)
        # What the client says of an object that was uploaded is not believed.
        if operation.size not in {None, size}:
            raise errors.bad_request(f"{operation.path} has {size} bytes, not {operation.size}.")
        oid = pointer_id(operation.sha256, size)
        entry = TreeEntry(operation.sha256, size, oid, large=True, changed=number)
    old = files.get(operation.path)
    # A file that stays as it is keeps the number of the commit that last changed it.
    if old is None or not is_same(old, entry):
        files[operation.path] = entry


def check_names(files: Collection[str], before: Collection[str]) -> None:
    """No path may be a file and a folder at once, nor be taken for another by a file system.

    Names that were there before such commits were refused do not stand in the way of new ones.
    """
    seen: dict[str, str] = {}
    # Names that were there come first: of two that clash, the new one is refused.
    for path in sorted(files, key=lambda path: path not in before):
        for name in (path, *_parents(path)):
            if name != path and name in files:
                raise errors.bad_request(f"{name!r} is a file, so {path!r} cannot exist.")
            other = seen.setdefault(folded(name), name)
            if other != name and path not in before:
                raise errors.bad_request(
                    f"{name!r} and {other!r} differ only in case or in the form of their letters, "
                    "which some file systems take for one. Use the same name, or another."
                )


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
