"""Large objects on their way in: signed addresses, one piece or many parts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.errors import ApiError
from ticket_hub_api.hub_protocol.schemas import LfsObject
from ticket_hub_api.services import Services
from ticket_hub_api.store import objects
from ticket_hub_api.store.blobs import Received
from ticket_hub_api.store.tables import StoredObject, now

__all__ = ["Desk", "action", "assemble", "check", "part_key"]

MAX_PART_COUNT = 10_000


def part_key(upload: str, part: int) -> str:
    """Where a part waits for the others; sending it again replaces it."""
    return f"parts/{upload}/{part:06d}"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What is the same for all objects of a request.

    Attributes:
        caller: who sends.
        base: the hub's address.
        verify: the address that tells afterwards whether an object arrived.
        many: whether the client can send an object in parts.
    """

    services: Services
    caller: Principal
    base: str
    verify: str
    many: bool


def action(desk: Desk, session: Session, repository_id: str, item: LfsObject) -> dict[str, Any]:
    """What a client should do about one object; without `actions` it need not send it."""
    sha256 = item.oid.lower()
    answer: dict[str, Any] = {"oid": item.oid, "size": item.size}
    found = objects.may_name(session, desk.caller, repository_id, sha256)
    if found is not None:
        if found.size != item.size:
            message = f"This object has {found.size} bytes."
            return answer | {"error": {"code": 422, "message": message}}
        row = session.get(StoredObject, sha256)
        assert row is not None
        row.touched_at = now()  # a collector leaves it alone until the commit has come
        return answer
    claims = {"repository": repository_id, "sha256": sha256, "size": item.size}
    large = desk.many and item.size > desk.services.settings.part_bytes
    upload = (_parts if large else _whole)(desk.services, desk.base, claims)
    actions = {"upload": upload, "verify": {"href": desk.verify}}
    return answer | {"authenticated": True, "actions": actions}


def _whole(services: Services, base: str, claims: dict[str, Any]) -> dict[str, Any]:
    signed = services.signer.sign("object", services.settings.upload_seconds, **claims)
    return {"href": f"{base}/lfs/objects/{signed}"}


def _parts(services: Services, base: str, claims: dict[str, Any]) -> dict[str, Any]:
    """One address for each part, and one to finish."""
    size, seconds = claims["size"], services.settings.upload_seconds
    # Larger parts rather than more of them: each has an address of its own in the answer's header.
    part_bytes = max(services.settings.part_bytes, -(-size // MAX_PART_COUNT))
    count, upload = -(-size // part_bytes), secrets.token_hex(16)
    header = {"chunk_size": str(part_bytes)}
    for part in range(1, count + 1):
        length = min(part_bytes, size - (part - 1) * part_bytes)
        signed = services.signer.sign("part", seconds, upload=upload, part=part, size=length)
        header[f"{part:05d}"] = f"{base}/lfs/parts/{signed}"
    claims = {**claims, "upload": upload, "parts": count, "part_bytes": part_bytes}
    signed = services.signer.sign("finish", seconds, **claims)
    return {"href": f"{base}/lfs/finish/{signed}", "header": header}


def check(received: Received, claims: dict[str, Any]) -> None:
    """Whether what arrived is what was announced.

    Raises:
        ApiError: 400; nothing of it is kept.
    """
    if received.size != claims["size"] or received.sha256 != claims["sha256"]:
        raise ApiError(
            400,
            f"Received {received.size} bytes with sha256 {received.sha256}; announced were "
            f"{claims['size']} bytes with sha256 {claims['sha256']}. Nothing was stored.",
        )


def assemble(services: Services, claims: dict[str, Any]) -> None:
    """Join the parts, check the whole, store it, and drop the parts.

    Raises:
        ApiError: 400, when a part is missing or the whole is not what was announced.
    """
    storage, upload = services.blobs.storage, claims["upload"]
    present = {file.key: file.size for file in storage.files(f"parts/{upload}")}
    keys = [part_key(upload, part) for part in range(1, claims["parts"] + 1)]
    if any(key not in present for key in keys):
        with services.database.read() as connection:
            caller = Principal()
            found = objects.may_name(connection, caller, claims["repository"], claims["sha256"])
        if found is not None and found.size == claims["size"]:
            return  # the first answer to this request was lost on its way
        raise ApiError(400, "Some parts have not arrived. Send them again.")
    with services.blobs.incoming() as incoming:
        for key in keys:
            for piece in storage.read(key, 0, present[key]):
                incoming.write(piece)
        received = incoming.finish()
        # The parts came by addresses that name a size and no digest: only the whole can be checked.
        check(received, claims)
        objects.store(services, claims["repository"], received)
    for key in keys:
        storage.delete(key)
