"""What the routes share: the settings, the ways to Kafka and Redis, the clock, and how answers are written."""

import time

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from fastapi.routing import APIRoute
from starlette.responses import Response

from config.settings import Settings
from ingest.acknowledge import Desk
from ingest.open_incidents import OpenIncidents
from ingest.publish import Publisher
from ingest.redis_watch import RedisWatch
from state.read_model import Reader
from streams.records import AckLinks, Millis


_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Everything that a request may need."""

    settings: Settings
    publisher: Publisher
    reader: Reader
    open_incidents: OpenIncidents
    desk: Desk
    links: AckLinks
    redis: RedisWatch

    def health(self) -> dict[str, str]:
        """How each dependency was when it was last asked."""
        return {"kafka": self.publisher.trouble or "ok", "redis": self.redis.trouble or "ok"}


class RawRoute(APIRoute):
    """A route that FastAPI documents and does not touch: the endpoint gets the request as it came.

    FastAPI's own handling would parse the body before its size is known, and costs as much as all the rest.
    """

    def get_route_handler(self) -> Any:
        """The endpoint itself."""
        return self.endpoint


def ack_links(settings: Settings) -> AckLinks:
    """Makes and checks links as every role of this deployment does."""
    return AckLinks(
        public_host=settings.public_host,
        signing_secret=settings.ack_link_secret,
        valid_for_ms=settings.ack.valid_for // timedelta(milliseconds=1),
    )


def now_ms() -> Millis:
    """The clock of this role."""
    return time.time_ns() // 1_000_000


def answer(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(_ENCODE(content), status, headers, "application/json")
