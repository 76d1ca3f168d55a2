"""Signed statements: in-toto inside DSSE inside the JSON of a Sigstore bundle.

DSSE signs `DSSEv1 LENGTH TYPE LENGTH PAYLOAD`, so that a signature of one kind of document can
never be taken for one of another (https://github.com/secure-systems-lab/dsse). Sigstore's bundle
around it names the key; log entries and certificates, which it could have, are for other methods.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticket_hub.bundle import strict
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError, SignatureError
from ticket_hub.patterns import SHA256
from ticket_hub.signing.keys import PrivateKey, PublicKey

__all__ = ["IN_TOTO", "STATEMENT", "Envelope", "read_envelope", "seal", "signed_bytes"]

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BYTES = 4 << 20
_REMEDY = "Ask for a new signature: `ticket sign` writes one."


def signed_bytes(payload: bytes, kind: str = IN_TOTO) -> bytes:
    """What is signed of a payload of this media type."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A signed statement that was read and not yet checked.

    Attributes:
        key_id: of the key that it says it was signed with; see `PublicKey.id`.
        payload: the bytes that were signed.
        signature: of them.
    """

    key_id: str
    payload: bytes
    signature: bytes

    def demand(self, key: PublicKey) -> None:
        """Demand that the owner of a key has signed it.

        Raises:
            SignatureError: the owner has not.
        """
        if not key.holds(signed_bytes(self.payload), self.signature):
            raise SignatureError(
                f"The signature is not of the key {key.id[:16]}.", f"Do not use it. {_REMEDY}"
            )

    def statement(self, predicate_type: str) -> dict[str, Any]:
        """The in-toto statement inside, which must be of this kind.

        Raises:
            SignatureError: it is none, or of another kind.
        """
        try:
            found = strict.parse(self.payload, source="The signed statement")
        except BundleFormatError as error:
            raise SignatureError(error.problem, _REMEDY) from error
        if not isinstance(found, dict) or found.get("_type") != STATEMENT:
            raise SignatureError("What was signed is no in-toto statement.", _REMEDY)
        if found.get("predicateType") != predicate_type:
            raise SignatureError(f"What was signed is no {predicate_type}.", _REMEDY)
        return found


def seal(statement: Mapping[str, Any], key: PrivateKey) -> bytes:
    """Sign an in-toto statement.

    Returns:
        The JSON of a Sigstore bundle, version 0.3.
    """
    payload = canonical_json(statement)
    signature = key.sign(signed_bytes(payload))
    table = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.public.id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return canonical_json(table) + b"\n"


def read_envelope(data: bytes, source: str) -> Envelope:
    """Read what `seal`, or another tool of OpenSSF Model Signing with a key, has written.

    Args:
        source: names the file in errors.

    Raises:
        SignatureError: it is no such file, or was signed in another way than with a key.
    """
    try:
        table: Any = json.loads(data) if len(data) <= MAX_BYTES else None
        envelope = table["dsseEnvelope"]
        kinds = (table["mediaType"], envelope["payloadType"])
        (signature,) = envelope["signatures"]
        found = Envelope(
            key_id=str(table["verificationMaterial"]["publicKey"]["hint"]),
            payload=base64.b64decode(envelope["payload"], validate=True),
            signature=base64.b64decode(signature["sig"], validate=True),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _other(source) from error
    if kinds != (MEDIA_TYPE, IN_TOTO) or SHA256.fullmatch(found.key_id) is None:
        raise _other(source)
    return found


def _other(source: str) -> SignatureError:
    return SignatureError(
        f"{source} is no signature with a key in the format of OpenSSF Model Signing.", _REMEDY
    )
