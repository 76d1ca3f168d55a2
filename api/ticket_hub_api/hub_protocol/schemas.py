"""Request bodies. Unknown fields are ignored, as the protocol grows with its clients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "MAX_PATHS",
    "BranchIn",
    "CreateIn",
    "DeleteIn",
    "FileIn",
    "LfsBatchIn",
    "LfsObject",
    "MoveIn",
    "MultipartIn",
    "PathsIn",
    "PreuploadIn",
    "SettingsIn",
    "TagIn",
    "YamlIn",
]

MAX_PATHS = 1000
"""That one request may ask about."""
Name = Annotated[str, Field(max_length=200)]
NonNegative = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FileIn(_Body):
    """A small file of a new repository."""

    path: Annotated[str, Field(max_length=2000)]
    content: str
    encoding: Literal["base64", "utf-8"] = "utf-8"


class CreateIn(_Body):
    """A new repository."""

    name: Name
    organization: Name | None = None
    type: Name | None = None
    private: bool | None = None
    visibility: Name | None = None
    license: Name | None = None
    files: Annotated[list[FileIn], Field(max_length=100)] = []
    resourceGroupId: Name | None = None  # noqa: N815 - the protocol's spelling


class DeleteIn(_Body):
    """A repository to delete."""

    name: Name
    organization: Name | None = None
    type: Name | None = None


class MoveIn(_Body):
    """A repository to rename."""

    fromRepo: Name  # noqa: N815 - the protocol's spelling
    toRepo: Name  # noqa: N815 - the protocol's spelling
    type: Name | None = None


class SettingsIn(_Body):
    """What a repository's owner may set."""

    private: bool | None = None
    visibility: Name | None = None
    gated: Literal["auto", "manual", False] | None = None


class PreuploadFile(_Body):
    """A file that a client is about to send."""

    path: Annotated[str, Field(max_length=2000)]
    size: NonNegative


class PreuploadIn(_Body):
    """Files about which a client asks how to send them."""

    files: Annotated[list[PreuploadFile], Field(max_length=1000)]
    gitIgnore: Annotated[str, Field(max_length=200_000)] | None = None  # noqa: N815 - the protocol's spelling


class PathsIn(_Body):
    """Paths that a client asks about."""

    paths: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=MAX_PATHS)]
    expand: bool = False


class LfsObject(_Body):
    """A large object."""

    oid: Sha256
    size: NonNegative


class LfsBatchIn(_Body):
    """Large objects that a client wants to send."""

    operation: Name
    transfers: list[Name] = ["basic"]
    objects: Annotated[list[LfsObject], Field(max_length=1000)]
    hash_algo: Literal["sha256", "sha_256"] = "sha256"  # Git LFS says the one, huggingface.js both


class PartIn(_Body):
    """A part that was sent."""

    partNumber: Annotated[int, Field(strict=True, ge=1, le=100_000)]  # noqa: N815 - the protocol's spelling
    etag: Name


class MultipartIn(_Body):
    """The end of an upload in parts."""

    oid: Sha256
    parts: Annotated[list[PartIn], Field(max_length=100_000)]


class BranchIn(_Body):
    """Where a branch begins."""

    startingPoint: Name | None = None  # noqa: N815 - the protocol's spelling
    overwrite: bool | None = None
    emptyBranch: bool | None = None  # noqa: N815 - the protocol's spelling


class TagIn(_Body):
    """A tag."""

    tag: Name
    message: Annotated[str, Field(max_length=64_000)] | None = None


class YamlIn(_Body):
    """A card to check."""

    content: Annotated[str, Field(max_length=1 << 20)]
    repoType: Name | None = None  # noqa: N815 - the protocol's spelling
