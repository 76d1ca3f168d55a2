"""Who somebody is, and what they may do: a token's scope, an account's roles, and nothing of HTTP.

A token's scope limits what its account may do; the repository's visibility and the account's role
in its namespace decide the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from ticket_hub_api.settings import Visibility
from ticket_hub_api.store.tables import now

__all__ = ["ANONYMOUS", "Principal", "Scope", "ScopeName", "TokenScope"]


ScopeName: TypeAlias = Literal[
    "anyone", "read", "write", "admin", "signed", "xet-read", "xet-write"
]
TokenScope: TypeAlias = Literal["read", "write", "admin"]
"""What a token may be issued for."""


class Scope:
    """What a route demands.

    ANYONE lets anonymous callers in; what they see is decided by each repository. SIGNED and XET
    routes carry their permission in the address or in a short-lived token made by this service.
    """

    ANYONE: Final = "anyone"
    READ: Final = "read"
    WRITE: Final = "write"
    ADMIN: Final = "admin"
    SIGNED: Final = "signed"
    XET_READ: Final = "xet-read"
    XET_WRITE: Final = "xet-write"
    TOKENS: tuple[TokenScope, ...] = get_args(TokenScope)


_RANK: dict[str, int] = {Scope.ANYONE: 0, Scope.READ: 1, Scope.WRITE: 2, Scope.ADMIN: 3}


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The caller.

    Attributes:
        account_id, name: the account, or empty strings for an anonymous caller.
        scope: the token's scope.
        roles: the role in each namespace that the account owns or is a member of.
        organizations: the names of the organizations among them, with their roles.
        token_id, token_name, token_created_at, expires_at: the token's own.
    """

    account_id: str = ""
    name: str = ""
    full_name: str = ""
    email: str = ""
    scope: ScopeName = Scope.ANYONE
    roles: tuple[tuple[str, str], ...] = ()
    organizations: tuple[tuple[str, str], ...] = ()
    token_id: str = ""
    token_name: str = ""
    token_created_at: int = 0
    expires_at: int | None = None

    @property
    def expired(self) -> bool:
        """Whether the token's time is over."""
        return self.expires_at is not None and self.expires_at <= now()

    @property
    def anonymous(self) -> bool:
        """Whether no token was shown."""
        return not self.account_id

    def allows(self, scope: ScopeName) -> bool:
        """Whether the token reaches this scope."""
        return _RANK[self.scope] >= _RANK[scope]

    def role_in(self, namespace_id: str) -> str:
        """`admin`, `write`, `read`, or nothing."""
        return dict(self.roles).get(namespace_id, "")

    @property
    def sees_all(self) -> bool:
        """Whether everything exists for this caller."""
        return self.scope == Scope.ADMIN

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which this caller has a role."""
        return tuple(namespace for namespace, _ in self.roles)

    def may_read(self, visibility: str, owner_id: str) -> bool:
        """Whether what a namespace keeps with this visibility exists for this caller."""
        if visibility == Visibility.PUBLIC or self.sees_all:
            return True
        if visibility == Visibility.ACCOUNTS and not self.anonymous:
            return True
        return bool(self.role_in(owner_id))

    def may_write_in(self, namespace_id: str) -> bool:
        """Whether the caller may create and change repositories there."""
        if not self.allows(Scope.WRITE):
            return False
        return self.scope == Scope.ADMIN or self.role_in(namespace_id) in {"write", "admin"}

    def may_administer(self, namespace_id: str) -> bool:
        """Whether the caller may delete, move and open repositories there."""
        if not self.allows(Scope.WRITE):
            return False
        return self.scope == Scope.ADMIN or self.role_in(namespace_id) == "admin"


ANONYMOUS = Principal()
"""Who gave no token."""
