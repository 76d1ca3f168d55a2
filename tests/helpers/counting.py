"""A way to PostgreSQL that counts round trips: how often a client has waited for an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

_NAME = ".s.PGSQL.5432"
_ENDS = (ord("S"), ord("Q"))  # Sync and Query: what a client sends before it waits


class CountingProxy:
    """A socket in a folder that leads to PostgreSQL's own, and counts."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.trips = 0
        self._target = str(target / _NAME)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                for act in (self._there, self._back):
                    threading.Thread(target=act, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        """Messages have a type and a length, but for the first one, which has no type."""
        rest, begun = b"", False
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                rest += data
                while len(rest) >= (start := 1 if begun else 0) + 4:
                    size = start + int.from_bytes(rest[start : start + 4], "big")
                    if len(rest) < size:
                        break
                    self.trips += begun and rest[0] in _ENDS
                    rest, begun = rest[size:], True
                server.sendall(data)  # counted before: the answer may be quicker than this thread
            server.shutdown(socket.SHUT_WR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        client.close()
        server.close()
