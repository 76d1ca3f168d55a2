"""How much of the workers' time an account may use: slot-seconds within a moving window."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ticket_hub.errors import HubError
from ticket_hub_api.accounts.accounts import find_account
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job, JobQuota
from ticket_hub_api.store.tables import SECOND, Account, now

__all__ = ["Allowance", "allowance", "list_quotas", "over_quota", "set_quota"]

WINDOW_DAYS = 30
WINDOW = WINDOW_DAYS * 86_400 * SECOND
UNLIMITED = 0


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What an account may use and has used within the window, in slot-seconds.

    Attributes:
        seconds: the limit; 0 is none.
        used: of it, by jobs that were made within the last 30 days.
    """

    seconds: int
    used: float

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.seconds != UNLIMITED and self.used >= self.seconds


def allowance(session: Session, account_id: str, default: int, moment: int) -> Allowance:
    """What an account may use; `default` where the operator has said nothing about it."""
    row = session.get(JobQuota, account_id)
    limit = default if row is None else row.seconds
    used = session.scalar(
        select(func.sum(Job.used)).where(
            Job.account_id == account_id, Job.created_at > moment - WINDOW
        )
    )
    return Allowance(seconds=limit, used=float(used or 0) / SECOND)


def over_quota(session: Session, account_id: str, default: int, moment: int) -> bool:
    """Whether an account has nothing left."""
    return allowance(session, account_id, default, moment).spent


def set_quota(database: Database, name: str, seconds: int) -> None:
    """Say how many slot-seconds within 30 days an account may use; 0 is no limit.

    Raises:
        HubNotFoundError: no such account. HubError: less than nothing.
    """
    if seconds < 0:
        raise HubError(f"{seconds} is less than nothing.", "Give 0 for no limit, or a number.")

    def change(session: Session) -> None:
        """Enter the limit, or change it."""
        account = find_account(session, name)
        row = session.get(JobQuota, account.id)
        if row is None:
            session.add(JobQuota(account_id=account.id, seconds=seconds))
        else:
            row.seconds = seconds

    database.transact(change)


def list_quotas(database: Database, default: int) -> list[dict[str, object]]:
    """Every account that has used something or has a limit of its own."""
    with database.read() as connection, Session(bind=connection) as session:
        moment = now()
        users = select(Job.account_id).union(select(JobQuota.account_id))
        names = session.execute(
            select(Account.id, Account.name).where(Account.id.in_(users)).order_by(Account.key)
        )
        found = [(row.name, allowance(session, row.id, default, moment)) for row in names.all()]
    return [
        {"account": name, "limit": each.seconds or None, "used": round(each.used)}
        for name, each in found
    ]
