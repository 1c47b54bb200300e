"""What every record has in common: frozen, typed, versioned JSON, free of any client library."""

from typing import Annotated

import msgspec


VERSION = 1
"""The version that this code writes, and the only one that it reads."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of the pipeline. Times are whole milliseconds since the epoch, in fields that end in `_ms`."""

    v: int = VERSION


Millis = Annotated[int, msgspec.Meta(ge=0, lt=10**13)]
"""A point in time: milliseconds since the epoch (until the year 2286), by the clock of the role that wrote it."""
