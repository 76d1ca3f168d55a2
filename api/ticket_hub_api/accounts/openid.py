"""Signing in with an OpenID Connect provider: authorization code flow with PKCE.

OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; PKCE is RFC 7636, the checks of what comes back
are those of RFC 9700. Signatures are checked by joserfc, the JOSE half of Authlib.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from ticket_hub.errors import HubError, HubUnavailableError
from ticket_hub.project import install_extra
from ticket_hub_api.errors import forbidden
from ticket_hub_api.settings import Settings, is_loopback

__all__ = ["OpenIdProvider", "SignInAttempt"]

SECONDS = 10.0
MAX_BYTES = 1 << 20
FRESH_SECONDS = 3600.0
LEEWAY_SECONDS = 60
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Of keys that only the provider has; never `none`, nor one that the secret of the client signs."""
_AGAIN = "Sign in again."


@dataclass(frozen=True, kw_only=True)
class SignInAttempt:
    """One try of a browser to sign in, which its cookie keeps until it comes back.

    Attributes:
        state: what the provider must give back, so that the answer is to this try.
        nonce: what the identity token must hold, so that it was made for this try.
        verifier: whose digest the provider was told, so that a stolen code is of no use.
        following: the path to go on to.
    """

    state: str
    nonce: str
    verifier: str
    following: str

    @classmethod
    def begin(cls, following: str) -> SignInAttempt:
        """A new one."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state=state, nonce=nonce, verifier=verifier, following=following)

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class OpenIdProvider:
    """The provider that an operator has named."""

    def __init__(self, settings: Settings) -> None:
        """Know the provider's address; it is asked when somebody signs in."""
        self.issuer = settings.oidc_issuer
        self.name = settings.oidc_name
        self._client = settings.oidc_client_id, settings.oidc_client_secret
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def authorization(self, attempt: SignInAttempt, redirect: str) -> str:
        """The address at the provider where somebody signs in.

        Raises:
            HubUnavailableError: the provider does not answer. HubError: it is another one.
        """
        asked = {
            "response_type": "code",
            "client_id": self._client[0],
            "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    def claims(self, attempt: SignInAttempt, code: str, redirect: str) -> dict[str, Any]:
        """What the provider says of whoever came back with a code.

        Raises:
            ApiError: 403, the code or the identity token is not good.
            HubUnavailableError: the provider does not answer. HubError: it is another one.
        """
        answer = self._ask(
            self._endpoint("token_endpoint"),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect,
                "code_verifier": attempt.verifier,
            },
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise forbidden(f"The provider did not take the code of this sign-in. {_AGAIN}")
        claims = self._decode(token)
        self._check(claims, attempt)
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        """The claims of a token with a good signature; keys are asked for anew where one is new."""
        try:
            from joserfc import jwt
            from joserfc.errors import JoseError
            from joserfc.jwk import KeySet
        except ImportError as error:
            raise HubError(
                "Sign-in by OpenID Connect needs joserfc, which is not installed.",
                f"Install it with `{install_extra('oidc')}`.",
            ) from error
        for fresh in (False, True):
            keys = self._get(self._endpoint("jwks_uri"), fresh=fresh)
            try:
                signed = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type] # what JSON gives
                return dict(signed.claims)
            except (JoseError, ValueError, KeyError) as error:
                problem: Exception = error
        raise forbidden(f"The identity token has no good signature. {_AGAIN}") from problem

    def _check(self, claims: Mapping[str, Any], attempt: SignInAttempt) -> None:
        """Refuse a token that is not from this provider, for this hub, for this try, and new."""
        audience = claims.get("aud")
        for_us = audience == self._client[0] or (
            isinstance(audience, list) and self._client[0] in audience
        )
        party = claims.get("azp", self._client[0])
        moment, times = time.time(), (claims.get("exp"), claims.get("iat"))
        are_numbers = all(isinstance(each, int | float) for each in times)
        wrong = [
            what
            for what, holds in {
                "issuer": claims.get("iss") == self.issuer,
                "audience": for_us and party == self._client[0],
                "nonce": str(claims.get("nonce", "")) == attempt.nonce,
                "time": are_numbers
                and float(claims["exp"]) > moment - LEEWAY_SECONDS
                and float(claims["iat"]) < moment + LEEWAY_SECONDS,
                "subject": isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) < 256,  # noqa: PLR2004 - section 2
            }.items()
            if not holds
        ]
        if wrong:
            raise forbidden(f"The identity token has another {' and '.join(wrong)}. {_AGAIN}")

    def _endpoint(self, name: str) -> str:
        """An address that the provider's discovery names."""
        found = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise HubError(
                f"{self.issuer} says that it is {str(found.get('issuer'))[:200]!r}.",
                "Set TICKET_HUB_OIDC_ISSUER to exactly what its discovery says.",
            )
        address = str(found.get(name, ""))
        parts = urlsplit(address)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise HubError(f"{self.issuer} names no https:// {name}.", "Ask who runs the provider.")
        return address

    def _get(self, address: str, *, fresh: bool = False) -> dict[str, Any]:
        """A JSON document of the provider, kept for an hour."""
        with self._lock:
            when, found = self._known.get(address, (0.0, {}))
        if fresh or time.monotonic() - when > FRESH_SECONDS or not found:
            found = self._ask(address)
            with self._lock:
                self._known[address] = (time.monotonic(), found)
        return found

    def _ask(self, address: str, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What the provider answers; a refusal is what it says, and no redirect is followed."""
        from huggingface_hub.utils import httpx  # slow to import

        method, auth = ("GET", None) if fields is None else ("POST", self._client)
        body = bytearray()
        try:
            with (
                httpx.Client(timeout=SECONDS, follow_redirects=False) as client,
                client.stream(method, address, auth=auth, data=fields) as answer,
            ):
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise HubError(f"{address} does not end.", "Ask who runs the provider.")
            table = json.loads(body)
        except httpx.HTTPError as error:
            raise HubUnavailableError(
                f"{self.issuer} does not answer ({type(error).__name__}).",
                "Try again, or sign in with a token.",
            ) from error
        except ValueError as error:
            raise HubUnavailableError(
                f"{self.issuer} answers with {answer.status_code} and no JSON.",
                "Try again, or sign in with a token.",
            ) from error
        return table if isinstance(table, dict) else {}
