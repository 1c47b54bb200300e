"""Connects to the Redis that the settings name, with bounds on every call."""

import ssl

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from config.settings import RedisSettings


def connect(settings: RedisSettings) -> Redis:
    """A client that fails within the configured timeout instead of waiting, and never retries by itself.

    What to do without an answer is the caller's to decide, and a caller with a deadline must get to decide it.
    """
    seconds = settings.timeout.total_seconds()
    tls: dict[str, Any] = {}
    if settings.tls:
        unverified = settings.insecure_skip_verify
        tls = {"ssl": True, "ssl_cert_reqs": ssl.CERT_NONE if unverified else ssl.CERT_REQUIRED}
        tls["ssl_check_hostname"] = not unverified
    return Redis(
        host=settings.host or "localhost",
        port=settings.port,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        db=settings.db,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        **tls,
    )
