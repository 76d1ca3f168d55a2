"""Figures in Prometheus's text form: requests as they are answered, contents when asked."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from ticket_hub.errors import TicketHubError
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Account, Repository, StoredObject, Xorb

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)


class _Contents(Collector):
    """What the database says at the moment of the question."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """What the database holds now, and whether it answers."""
        up = GaugeMetricFamily("ticket_hub_database_up", "Whether the database answers.")
        try:
            stored = select(func.coalesce(func.sum(StoredObject.size), 0)).where(
                StoredObject.key != ""
            )
            chunks = select(func.coalesce(func.sum(Xorb.size), 0))
            with self._database.read() as connection:
                repositories = connection.scalar(select(func.count()).select_from(Repository))
                accounts = connection.scalar(select(func.count()).select_from(Account))
                size = int(connection.scalar(stored) or 0) + int(connection.scalar(chunks) or 0)
            for name, about, value in (
                ("ticket_hub_repositories", "Repositories.", repositories),
                ("ticket_hub_accounts", "Users and organizations.", accounts),
                ("ticket_hub_stored_bytes", "Bytes of stored contents.", size),
            ):
                yield GaugeMetricFamily(name, about, value=float(value or 0))
            up.add_metric([], 1)
        except TicketHubError:
            up.add_metric([], 0)
        yield up


class Metrics:
    """The figures of one service."""

    def __init__(self, database: Database) -> None:
        """Begin to count."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ticket_hub_requests",
            "Requests answered, by the route's pattern.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ticket_hub_request_seconds",
            "Time from a request's first byte to its answer's last.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Contents(database))
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a pattern, so that there are only so many."""
        key = (method, route, status)
        if key not in self._known:  # finding a child by its labels takes longer than counting
            child = self._requests.labels(method, route, str(status))
            self._known[key] = child, self._seconds.labels(route)
        requests, times = self._known[key]
        requests.inc()
        times.observe(seconds)

    def exposition(self) -> bytes:
        """All figures, in the text format 0.0.4 of Prometheus."""
        return generate_latest(self.registry)
