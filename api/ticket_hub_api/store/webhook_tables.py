"""The tables of webhooks: who is told of pushes and verdicts, and what is on its way to them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ticket_hub_api.store.tables import Base, new_id, now

__all__ = ["DeliveryState", "Webhook", "WebhookDelivery"]

DeliveryStateName: TypeAlias = Literal["waiting", "delivered", "failed"]


class DeliveryState:
    """How far a delivery is: it waits for its next try, or never changes again."""

    WAITING: Final = "waiting"
    DELIVERED: Final = "delivered"
    FAILED: Final = "failed"


class Webhook(Base):
    """An address that is told what happens in the repositories of an owner.

    Attributes:
        owner_id: the account whose repositories they are; None for those of the whole hub.
        secret: what deliveries are signed with; it cannot be kept as a digest alone.
        events: names with commas between.
    """

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(64))
    events: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)


class WebhookDelivery(Base):
    """One event for one address.

    Attributes:
        tries: how often it was begun to be sent. next_at: when it is tried next; a try that was
            begun has it in the future, so that nobody else begins one meanwhile.
        status: of the last answer; 0 where there was none. problem: why the last try failed.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("webhook_deliveries_by_turn", "state", "next_at"),)
    id: Mapped[str] = mapped_column(String(24), primary_key=True, default=new_id)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"), index=True)
    event: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[DeliveryStateName] = mapped_column(String(16), default=DeliveryState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[int] = mapped_column(BigInteger, default=now)
    status: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[int] = mapped_column(BigInteger, default=now)
