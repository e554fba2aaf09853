"""Servers: which of several servers that have one model is asked next.

The one with the fewest requests under way is. One that fails is left out for a while, longer each time, and then tried
with a single request before it gets more.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

LONGEST_PAUSE = 60.0  # seconds between two tries


@dataclass
class Server:
    """One server's address, and what is known of it now."""

    url: str
    under_way: int = 0  # requests
    failures: int = 0  # in a row
    away_until: float = 0.0  # seconds, of the clock


class Servers:
    """Servers of one model, used from one thread."""

    def __init__(self, urls: Sequence[str], first_pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A server that fails is left out for `first_pause` seconds, twice as long after each further failure."""
        self.all = [Server(url) for url in urls]
        self._first_pause, self._clock = first_pause, clock

    def pick(self) -> Server:
        """The server to ask next; where all are left out, the one whose pause ends first."""
        present = [server for server in self.all if self._is_there(server)]
        if present:
            return min(present, key=lambda server: server.under_way)
        return min(self.all, key=lambda server: (server.away_until, server.under_way))

    def has_another(self, server: Server) -> bool:
        """Whether another server can be asked at once."""
        return any(other is not server and self._is_there(other) for other in self.all)

    @contextmanager
    def asking(self, server: Server) -> Iterator[None]:
        """A request is under way while this lasts."""
        server.under_way += 1
        try:
            yield
        finally:
            server.under_way -= 1

    def note_failure(self, server: Server, seconds: float | None = None) -> None:
        """Leave a server out: for as long as it wishes, else for longer after each failure in a row."""
        server.failures += 1
        pause = self._first_pause * 2.0 ** min(server.failures - 1, 30) if seconds is None else seconds
        server.away_until = max(server.away_until, self._clock() + min(LONGEST_PAUSE, pause))

    def note_answer(self, server: Server) -> None:
        """A server that answers is there again."""
        server.failures, server.away_until = 0, 0.0

    def _is_there(self, server: Server) -> bool:
        return self._clock() >= server.away_until and (not server.failures or not server.under_way)
