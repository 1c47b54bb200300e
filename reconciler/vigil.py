"""Since when what is overdue has been nobody's doing but the streams'. Pure; told the time.

A worker gets the whole grace to page, counted from when it could: while the records could not be seen, it could not
read them either, and a clock that was put forward makes due at once what nobody could have known of.
"""

from streams.records import Millis


_STEP_MS = 1_000
"""By so much a clock may drift between two looks. More is a step."""


class Vigil:
    """Watches the clock, and that there was nothing between us and the records."""

    def __init__(self, grace_ms: int) -> None:
        self._grace_ms = grace_ms
        self._since_ms: int | None = None
        self._difference_ms = 0

    def overdue_before(self, wall_ms: Millis, steady_ms: int) -> Millis | None:
        """All records are known now. What was due before the returned time is overdue; None: it is too early to say.

        `steady_ms` comes from a clock that nobody puts forward or back.
        """
        difference = wall_ms - steady_ms
        if self._since_ms is None or abs(difference - self._difference_ms) > _STEP_MS:
            self._since_ms = steady_ms
        self._difference_ms = difference
        return wall_ms - self._grace_ms if steady_ms - self._since_ms >= self._grace_ms else None

    def interrupted(self) -> None:
        """Records could not be seen."""
        self._since_ms = None
