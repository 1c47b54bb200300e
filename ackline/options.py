"""The options that many commands have, and how they are read."""

from datetime import timedelta
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


SINCE = click.option("--since", type=Ago(), metavar="AGO", help="Only those of so long ago: 90s, 5m, 2h, 14d.")
