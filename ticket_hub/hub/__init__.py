"""Hubs: where teams keep tickets. A folder, the public Hub, or a team's own server."""

from ticket_hub.hub.address import Address, parse_address
from ticket_hub.hub.base import Hub, Pushed, Snapshot
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.connect import connect
from ticket_hub.hub.peeking import peek
from ticket_hub.hub.pull import Pulled, pull
from ticket_hub.hub.push import push
from ticket_hub.hub.query import Query, SearchHit, search

__all__ = [
    "Address",
    "Cache",
    "Hub",
    "Pulled",
    "Pushed",
    "Query",
    "SearchHit",
    "Snapshot",
    "connect",
    "parse_address",
    "peek",
    "pull",
    "push",
    "search",
]
