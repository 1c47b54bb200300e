"""The options that many commands have, and how they are read."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click


CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("config/config.yaml"),
    show_default=True,
    metavar="FILE",
    help="The config file.",
)
STATE_DIR = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".ackline"),
    show_default=True,
    metavar="DIR",
    help="Where local data is kept: tables, and the local Kafka's and Redis's. One for each process on a machine.",
)
HEALTH_PORT = click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve /healthz, /readyz and /metrics on this port. Off unless given.",
)
HEALTH_HOST = click.option(
    "--health-host",
    default="0.0.0.0",  # noqa: S104  # Probes come from other machines.
    show_default=True,
    metavar="ADDRESS",
    help="The address that --health-port is on.",
)


class Ago(click.ParamType):
    """A length of time, in the words of the config file: 90s, 5m, 2h, 14d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length of time that this text names."""
        from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  # Half a second that --help does not need.

        from config.settings import Duration  # noqa: PLC0415

        try:
            length: timedelta = TypeAdapter(Duration).validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is no length of time such as 90s, 5m, 2h or 14d", param, ctx)
        return length


class Moment(click.ParamType):
    """A point in time, as `audit.when` reads it; in milliseconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time that this text names."""
        from audit.when import milliseconds, point_in_time  # noqa: PLC0415  # Brings pydantic, as above.

        try:
            return milliseconds(point_in_time(str(value), datetime.now().astimezone()))
        except (ValueError, OverflowError) as problem:
            self.fail(str(problem), param, ctx)


class Label(click.ParamType):
    """A label with its value: `team=infra`."""

    name = "label"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, wanted = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is no label with its value, such as team=infra", param, ctx)
        return name, wanted


SINCE = click.option("--since", type=Ago(), metavar="AGO", help="Only those of so long ago: 90s, 5m, 2h, 14d.")
