"""Everything that the stand-ins know, in one place, with a version that changes whenever something has happened."""

import time

from collections.abc import Collection, Mapping

from sandbox.behaviour import Behaviour
from sandbox.pagerduty import Account
from sandbox.slack import Workspace


class State:
    """Both services, what they hold and how they behave."""

    def __init__(
        self,
        *,
        token: str,
        channels: Collection[str] | None,
        keys: Mapping[str, str] | None,
        only_known_keys: bool,
    ) -> None:
        self.workspace = Workspace(token=token, channels=channels)
        self.account = Account(keys=keys, only_known_keys=only_known_keys)
        self.slack = Behaviour()
        self.pagerduty = Behaviour()
        self._began = time.time_ns()
        self._changes = 0

    @property
    def version(self) -> str:
        """Never the same for two different contents, not even after a restart."""
        faults = sum(len(behaviour.faults) + behaviour.restored for behaviour in (self.slack, self.pagerduty))
        return f"{self._began:x}.{self._changes}.{faults}"

    def changed(self) -> None:
        """Say that something has happened."""
        self._changes += 1

    def reset(self) -> None:
        """Forget everything that came, and behave again."""
        self.workspace.reset()
        self.account.reset()
        for behaviour in (self.slack, self.pagerduty):
            behaviour.restore()
            behaviour.calls.clear()
        self.changed()


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
