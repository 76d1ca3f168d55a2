"""The tables of the service.

Times are microseconds since 1970. Identifiers are made by the service, never by the database, so
that a row's digest (see `digests`) can cover them. Rows are written through the unit of work only,
which fills the digests in.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

__all__ = [
    "SECOND",
    "Account",
    "Base",
    "Commit",
    "FormerName",
    "Membership",
    "Ref",
    "RefChange",
    "Repository",
    "RepositoryTag",
    "Secret",
    "StoredObject",
    "Token",
    "Tree",
    "Upload",
    "Use",
    "Xorb",
    "XorbUse",
    "new_id",
    "now",
]


SECOND = 1_000_000  # microseconds


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def new_id() -> str:
    """An identifier that nobody can guess: 24 hexadecimal digits."""
    return secrets.token_hex(12)


class Base(DeclarativeBase):
    """A row that carries the digest of its own content, so that damage can be found.

    A row is only written where it still has the digest with which it was read: nobody writes over
    what another transaction has changed meanwhile (see `Database.transact`).
    """

    held_by: ClassVar[str] = ""
    """The column that names the row which `children` vouches for this one; see `digests`."""

    digest: Mapped[str] = mapped_column(String(32), default="", sort_order=100)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.digest, "version_id_generator": False}


class Account(Base):
    """A user, or an organization; `children` covers its tokens, its members and its quota."""

    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(String(96), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    full_name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(200), default="")
    disabled: Mapped[bool] = mapped_column(default=False)
    children: Mapped[str] = mapped_column(String(32), default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Membership(Base):
    """A user's role in an organization: `admin`, `write` or `read`."""

    __tablename__ = "memberships"
    held_by = "organization_id"
    organization_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Token(Base):
    """What a client shows. Only the sha256 of its secret is kept."""

    __tablename__ = "tokens"
    held_by = "account_id"
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(96))
    secret_digest: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)


class Identity(Base):
    """Whom an OpenID Connect provider knows an account as: the issuer's subject, which stays.

    The name or address of somebody at the provider may go to somebody else; this does not.
    """

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    held_by = "account_id"
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(400))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Secret(Base):
    """A key that the service made for itself, such as the one that signs upload addresses."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(128))


class Repository(Base):
    """A repository; `key` is its kind and name in lower case, which no two may share.

    `commits` and `changes` count its commits and the changes of its references, and `children`
    covers its former names, so that a lost row of these is noticed.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        Index("repositories_by_update", "updated_at", "id"),
        Index("repositories_by_creation", "created_at", "id"),
        Index("repositories_by_downloads", "downloads", "id"),
    )
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(16))
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    namespace: Mapped[str] = mapped_column(String(96))
    name: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(String(208), unique=True)
    visibility: Mapped[str] = mapped_column(String(16))
    gated: Mapped[str] = mapped_column(String(16), default="")
    head: Mapped[str] = mapped_column(String(40), default="")
    commits: Mapped[int] = mapped_column(default=0)
    changes: Mapped[int] = mapped_column(default=0)
    downloads: Mapped[int] = mapped_column(BigInteger, default=0)
    library: Mapped[str] = mapped_column(String(96), default="", index=True)
    pipeline: Mapped[str] = mapped_column(String(96), default="", index=True)
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    children: Mapped[str] = mapped_column(String(32), default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now)


class FormerName(Base):
    """A name that a repository had before it was moved."""

    __tablename__ = "former_names"
    held_by = "repository_id"
    key: Mapped[str] = mapped_column(String(208), primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)


class RepositoryTag(Base):
    """One tag of the card on the default branch, for filtering."""

    __tablename__ = "repository_tags"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(200), primary_key=True, index=True)


class Tree(Base):
    """All files of a revision, as one compressed list; named by its content."""

    __tablename__ = "trees"
    oid: Mapped[str] = mapped_column(String(40), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Commit(Base):
    """A revision: a tree, where it came from, and what its card says. Never changed."""

    __tablename__ = "commits"
    __table_args__ = (UniqueConstraint("repository_id", "number"),)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    oid: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int]
    parent: Mapped[str] = mapped_column(String(40), default="")
    tree: Mapped[str] = mapped_column(ForeignKey("trees.oid"), index=True)
    title: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text, default="")
    author: Mapped[str] = mapped_column(String(96))
    summary: Mapped[str] = mapped_column(Text, default="{}")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Ref(Base):
    """A branch (`refs/heads/...`) or a tag (`refs/tags/...`)."""

    __tablename__ = "refs"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    target: Mapped[str] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now)


class RefChange(Base):
    """The history of all branches and tags of a repository; only ever added to."""

    __tablename__ = "ref_changes"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    old: Mapped[str] = mapped_column(String(40), default="")
    new: Mapped[str] = mapped_column(String(40), default="")
    author: Mapped[str] = mapped_column(String(96))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class StoredObject(Base):
    """A file's content: whole under `key`, or (for Xet) as the chunks that `terms` lists."""

    __tablename__ = "objects"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200), default="")
    xet_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    terms: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    touched_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Use(Base):
    """A repository has, or had, a file with this content."""

    __tablename__ = "uses"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("objects.sha256"), primary_key=True, index=True)


class Upload(Base):
    """Somebody proved to have this content by sending it for this repository."""

    __tablename__ = "uploads"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("objects.sha256"), primary_key=True, index=True)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class Xorb(Base):
    """A container of chunks; `chunks` packs each chunk's hash, offset and length."""

    __tablename__ = "xorbs"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    chunks: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
    touched_at: Mapped[int] = mapped_column(BigInteger, default=now)


class XorbUse(Base):
    """A file's content takes chunks from this xorb."""

    __tablename__ = "xorb_uses"
    sha256: Mapped[str] = mapped_column(ForeignKey("objects.sha256"), primary_key=True)
    xorb: Mapped[str] = mapped_column(ForeignKey("xorbs.hash"), primary_key=True, index=True)
