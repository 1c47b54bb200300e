"""For how long something has not moved, though it had something to do. Pure; told what is seen, and the time."""

from collections.abc import Hashable, Mapping


class Standstill:
    """Remembers of each thing how it last looked, and since when it has looked like that."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Hashable, float]] = {}

    def look(self, seen: Mapping[str, Hashable], now: float) -> None:
        """What has something to do, each with how it looks. What is not named has nothing to do, and begins anew."""
        before = self._seen
        self._seen = {
            name: before[name] if name in before and before[name][0] == looks else (looks, now)
            for name, looks in seen.items()
        }

    def seconds(self, now: float) -> dict[str, float]:
        """For how long each thing has looked as it does."""
        return {name: now - since for name, (_, since) in self._seen.items()}
