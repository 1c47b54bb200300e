"""What any Kafka client needs to reach the broker that the settings name, and to let go of it, in aiokafka's words."""

import asyncio
import ssl

from typing import Any

from config.settings import KafkaSettings


PRODUCER_BATCH_BYTES = 256 * 1024
"""Of one partition, in one round trip. A send waits where this is full; 16 kB, as clients have it, are six alerts."""


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that connect an `AIOKafkaProducer`, `AIOKafkaConsumer` or admin client."""
    security = kafka.security
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": security.protocol,
    }
    if security.protocol in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = ssl.create_default_context(cafile=security.ca_file)
    if security.protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.sasl_mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value() if security.password else None
    return options


def group_options(kafka: KafkaSettings, group: str) -> dict[str, Any]:
    """Keyword arguments of an `AIOKafkaConsumer` that shares its topics with others of its group, and commits by itself."""
    session_ms = int(kafka.session_timeout.total_seconds() * 1000)
    return {
        "group_id": f"{kafka.topic_prefix}{group}",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": session_ms // 5,
        "metadata_max_age_ms": 30_000,
        **client_options(kafka),
    }


async def stopped(client: Any, seconds: float = 5.0) -> str | None:
    """Stop a client; returns what was wrong with that, which nobody can mend and nobody needs to.

    Stopping waits for brokers, which may be why it is stopped; and it may end with the cancellation of a task of the
    client's own, which must not pass for ours.
    """
    try:
        async with asyncio.timeout(seconds):
            await client.stop()
    except asyncio.CancelledError:
        ours = asyncio.current_task()
        if ours and ours.cancelling():
            raise
        return "a task of its own was cancelled"
    except Exception as problem:  # noqa: BLE001  # whatever it is, it is over
        return f"{type(problem).__name__} {problem}".strip()
    return None
