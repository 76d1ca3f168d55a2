"""Which addresses the hub may send to: only hosts that the operator has named.

Whoever adds a webhook makes this machine send requests. So the host must be on a list, what its
name resolves to must be a public address (unless the operator has allowed others), the connection
is made to exactly the address that was looked at, and no redirect is followed.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ticket_hub.errors import HubError
from ticket_hub_api.settings import Settings

__all__ = ["Target", "check_address", "resolve"]

MAX_URL = 2000
# Networks without IPv4 reach its addresses through these (RFC 6052), those of themselves as well.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a request goes.

    Attributes:
        host: for TLS and the Host header. port: as in the address, or that of its scheme.
        address: the IP address to connect to. is_tls: whether it is https. path: with the query.
    """

    host: str
    port: int
    address: str
    is_tls: bool
    path: str


def check_address(settings: Settings, url: str) -> SplitResult:
    """Refuse an address that the operator does not allow; nothing is looked up.

    Raises:
        HubError: it is none, not https, or its host is not on the list.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise HubError(f"{url[:200]!r} is no address.", "Give an https:// address.") from error
    plain_allowed = settings.webhook_private and parts.scheme == "http"
    if parts.scheme != "https" and not plain_allowed:
        raise HubError(
            f"{url[:200]!r} is no https:// address.",
            "Give an https:// address; http:// takes TICKET_HUB_WEBHOOK_PRIVATE=1.",
        )
    # A request's line and headers are ASCII, and without spaces.
    if not all("!" <= letter <= "~" for letter in url):
        raise HubError(
            f"{url[:200]!r} has letters that no address is sent with.",
            "Write them as an address bar copies them: %20 for a space, xn--... for such a name.",
        )
    host = (parts.hostname or "").lower()
    named = {host, f"{host}:{port}"} if port else {host}
    allowed = {each.strip().lower() for each in settings.webhook_hosts.split(",") if each.strip()}
    is_odd = parts.username is not None or len(url) > MAX_URL
    if not host or is_odd or not named & allowed:
        raise HubError(
            f"This hub sends no webhooks to {host[:200] or url[:200]!r}.",
            "Ask its operator to name the host in TICKET_HUB_WEBHOOK_HOSTS.",
        )
    return parts


def resolve(settings: Settings, url: str) -> Target:
    """Where a request to an address goes, looked up now.

    Raises:
        HubError: the operator does not allow it, its name is unknown, or leads to an address that
            is not public.
    """
    parts = check_address(settings, url)
    host = parts.hostname or ""
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HubError(f"The name {host} is not known: {error}.", "Check the address.") from error
    addresses = [str(each[4][0]) for each in found]
    private = [each for each in addresses if not _is_public(each)]
    if private and not settings.webhook_private:
        raise HubError(
            f"{host} leads to {private[0]}, which is not a public address.",
            "Set TICKET_HUB_WEBHOOK_PRIVATE=1 if the hosts that you named are on your own network.",
        )
    path = parts.path or "/"
    return Target(
        host=host,
        port=port,
        address=addresses[0],
        is_tls=is_tls,
        path=f"{path}?{parts.query}" if parts.query else path,
    )


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = _within(found) or found
    return found.is_global and not found.is_multicast


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of IPv4 that a network makes of one of IPv6: that is where it leads."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
