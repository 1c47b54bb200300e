"""The edge while Kafka or Redis are away: no alert is called accepted that is not, and all comes back by itself."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from redis.exceptions import RedisError

from ackline.local_stack import Endpoints, LocalStack, local_stack
from ackline.local_stack.ports import choose_ports
from ackline.topics_admin import ensure_topics
from config.settings import Settings
from state.claims import Claim, Contest, RedisClaims, Winner
from state.client import connect
from streams.topics import Topic
from tests.edge import (
    BROWSER,
    ROUTING_KEY,
    SIGNING_KEY,
    SLACK_TOKEN,
    an_incident,
    has_status,
    records,
    running_edge,
    settings_for,
    until,
)


ALERTS = "/api/incidents"
QUICK = {"publish_timeout": "500ms"}


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A Kafka that only these tests use, to be stopped and killed."""
    with local_stack(tmp_path_factory.mktemp("own-kafka"), redis=False) as started:
        yield started


@pytest.fixture
def settings(stack: Endpoints, own_kafka: LocalStack, topic_prefix: str) -> Settings:
    kafka = {"bootstrap_servers": own_kafka.endpoints.bootstrap_servers}
    return settings_for(stack, topic_prefix, kafka=kafka, ingest=QUICK)


def nowhere() -> int:
    """A port where nobody listens."""
    return choose_ports(["none"], {})["none"]


@contextlib.contextmanager
def paused(kafka: LocalStack) -> Iterator[None]:
    """Kafka takes connections and answers nothing: the broker that hangs."""
    pid = kafka.pids()["kafka"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def is_accepted(client: httpx.AsyncClient) -> bool:
    return (await client.post(ALERTS, json={"try": "again"})).status_code == 201


async def test_without_kafka_the_edge_is_up_and_says_so(stack: Endpoints, topic_prefix: str) -> None:
    """Alive, not ready, and every alert is answered 503 with a time to come again: Alertmanager will."""
    settings = settings_for(stack, topic_prefix, kafka={"bootstrap_servers": f"127.0.0.1:{nowhere()}"}, ingest=QUICK)
    async with running_edge(settings, ready=False) as client:
        answer = await client.post(ALERTS, json={})
        ready = await client.get("/readyz")

        assert (503, "5") == (answer.status_code, answer.headers["retry-after"])
        assert "the alert is not accepted, send it again" in answer.json()["error"]
        assert (503, "not_ready") == (ready.status_code, ready.json()["status"])
        assert "ok" != ready.json()["dependencies"]["kafka"]
        assert 200 == (await client.get("/healthz")).status_code


async def test_a_kafka_that_hangs_costs_a_503_in_time(own_kafka: LocalStack, settings: Settings) -> None:
    """Not the client's patience; and when it goes on, so does the edge."""
    async with running_edge(settings) as client:
        with paused(own_kafka):
            began = time.monotonic()
            answer = await client.post(ALERTS, json={"while": "away"})
            waited = time.monotonic() - began

        assert 503 == answer.status_code
        assert 0.5 <= waited < 5
        assert await until(lambda: is_accepted(client))
        assert await until(lambda: has_status(client, "/readyz", 200))


async def test_a_kafka_that_dies_is_found_again(own_kafka: LocalStack, settings: Settings) -> None:
    """Without a restart of the edge; what was accepted before and after is there."""
    async with running_edge(settings) as client:
        before = (await client.post(ALERTS, json={"n": 1})).json()
        os.kill(own_kafka.pids()["kafka"], signal.SIGKILL)
        assert await until(lambda: has_status(client, "/readyz", 503))
        refused = await client.post(ALERTS, json={"n": 2})
        await until(lambda: has_died(own_kafka))
        own_kafka.revive()
        await until(lambda: is_accepted(client), 60)
        after = (await client.post(ALERTS, json={"n": 3})).json()

        found = {record["event_id"] for _, record in await records(settings, Topic.ALERTS, 3)}
        assert 503 == refused.status_code
        assert {before["event_id"], after["event_id"]} <= found


async def has_died(kafka: LocalStack) -> bool:
    return bool(kafka.died())


async def test_too_much_at_once_is_a_503(own_kafka: LocalStack, settings: Settings) -> None:
    """Memory is bounded: what waits for a Kafka that hangs counts until Kafka has settled it."""
    bounded = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"max_in_flight": 3})})
    async with running_edge(bounded) as client:
        with paused(own_kafka):
            slow = await asyncio.gather(*(client.post(ALERTS, json={"n": n}) for n in range(3)))
            one_more = await client.post(ALERTS, json={"n": 4})

        assert [503] * 3 == [answer.status_code for answer in slow]
        assert (503, "5") == (one_more.status_code, one_more.headers["retry-after"])
        assert "3 requests wait for Kafka already" in one_more.json()["error"]
        assert await until(lambda: is_accepted(client))


@pytest.mark.parametrize("kind", ["closed", "silent"])
async def test_without_redis_alerts_are_accepted(stack: Endpoints, topic_prefix: str, kind: str) -> None:
    """With the foretold id, and ready though degraded; only what needs the read model says that it cannot."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = nowhere() if kind == "closed" else silent.getsockname()[1]
    settings = settings_for(stack, topic_prefix, redis={"port": port, "timeout": "100ms"})
    async with running_edge(settings) as client:
        answer = await client.post(ALERTS, params={"dedup_key": "disk"}, json={})
        ready = await until(lambda: knows_that_redis_is_away(client))
        unknown = await client.get(f"/api/incidents/{answer.json()['incident_id']}")

        assert 201 == answer.status_code
        assert (200, "degraded") == (ready.status_code, ready.json()["status"])
        assert (503, 503) == (unknown.status_code, (await client.get("/api/incidents")).status_code)
        assert "Redis" in unknown.json()["error"]
    silent.close()


async def knows_that_redis_is_away(client: httpx.AsyncClient) -> httpx.Response | None:
    answer = await client.get("/readyz")
    return answer if "does not answer" in answer.json()["dependencies"]["redis"] else None


async def test_without_redis_kafka_takes_the_acknowledgement(stack: Endpoints, topic_prefix: str) -> None:
    """The record says that nobody could be asked, so that the order in Kafka decides."""
    settings = settings_for(stack, topic_prefix, redis={"port": nowhere(), "timeout": "100ms"})
    incident, _ = an_incident(settings)
    async with running_edge(settings) as client:
        answer = await client.post(f"/api/incidents/ack/{incident}", json={"by": "ada"})

        ((_, record),) = await records(settings, Topic.ACKS, 1)
        assert (200, "recorded") == (answer.status_code, answer.json()["status"])
        assert ("ada", "unknown") == (record["by"], record["claim"])


async def test_without_kafka_redis_takes_the_acknowledgement(own_kafka: LocalStack, settings: Settings) -> None:
    """Nobody is paged by it, and the record follows when Kafka is back."""
    incident, _ = an_incident(settings)
    async with running_edge(settings) as client:
        with paused(own_kafka):
            answer = await client.post(f"/api/incidents/ack/{incident}", json={"by": "ada"})

        assert (200, "recorded") == (answer.status_code, answer.json()["status"])
        assert Winner.ACK == (await held(settings, incident)).winner
        found = await records(settings, Topic.ACKS, 1)
        assert {("ada", "won")} == {(record["by"], record["claim"]) for _, record in found}
        assert 1 == len({record["ack_id"] for _, record in found})


async def test_a_kafka_that_comes_later_gets_the_acknowledgement(own_kafka: LocalStack, settings: Settings) -> None:
    """The edge has never seen it when somebody acknowledges, and keeps the record until it comes."""
    await ensure_topics(settings.kafka)
    os.kill(own_kafka.pids()["kafka"], signal.SIGKILL)
    await until(lambda: has_died(own_kafka))
    incident, _ = an_incident(settings)
    async with running_edge(settings, ready=False) as client:
        answer = await client.post(f"/api/incidents/ack/{incident}", json={"by": "ada"})
        own_kafka.revive()
        await until(lambda: is_accepted(client), 60)

        ((_, record),) = await records(settings, Topic.ACKS, 1)
        assert (200, "recorded") == (answer.status_code, answer.json()["status"])
        assert (incident, "ada", "won") == (record["incident_id"], record["by"], record["claim"])


async def test_a_redis_that_comes_later_gets_the_claim(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """Before its deadline the timer then finds that somebody was first."""
    with local_stack(tmp_path, kafka=False) as own_redis:
        at = own_redis.endpoints
        redis = {"host": at.redis_host, "port": at.redis_port, "password": at.redis_password}
        settings = settings_for(stack, topic_prefix, redis=redis)
        incident, _ = an_incident(settings)
        os.kill(own_redis.pids()["redis"], signal.SIGKILL)
        await until(lambda: has_died(own_redis))
        async with running_edge(settings) as client:
            answer = await client.post(f"/api/incidents/ack/{incident}", json={"by": "ada"})
            own_redis.revive()
            claim = await until(lambda: claimed_by_a_person(settings, incident))

    assert 200 == answer.status_code
    assert ("ada", "recorded") == (claim["by"], answer.json()["status"])


async def claimed_by_a_person(settings: Settings, incident: str) -> dict[str, str] | None:
    """What is kept of it in Redis, without claiming anything; None where there is nothing or no Redis."""
    redis = connect(settings.redis)
    try:
        value = await redis.get(f"{settings.redis.key_prefix}claim:{incident}:1")
    except RedisError:
        return None
    finally:
        await redis.aclose()
    return json.loads(value) if value else None


async def held(settings: Settings, incident: str) -> Claim:
    redis = connect(settings.redis)
    claims = RedisClaims(redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)
    (claim,) = await claims.claim([Contest(incident, 1)], Claim(Winner.PAGE, 1))
    await redis.aclose()
    assert claim is not None
    return claim


@pytest.mark.parametrize("headers", [BROWSER, {"Accept": "*/*"}])
async def test_with_neither_nobody_is_told_that_it_is_saved(
    stack: Endpoints, topic_prefix: str, headers: dict[str, str]
) -> None:
    """503, and the warning that the page may still come."""
    settings = settings_for(
        stack,
        topic_prefix,
        kafka={"bootstrap_servers": f"127.0.0.1:{nowhere()}"},
        redis={"port": nowhere(), "timeout": "100ms"},
    )
    incident, _ = an_incident(settings)
    async with running_edge(settings, ready=False) as client:
        answer = await client.post(f"/api/incidents/ack/{incident}", headers=headers)

        assert 503 == answer.status_code
        assert "the page may still come" in answer.text
        assert "retry-after" in answer.headers


@contextlib.asynccontextmanager
async def captured(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, list[object]]]:
    with structlog.testing.capture_logs() as events:
        async with running_edge(settings) as client:
            yield client, events  # type: ignore[misc]


async def test_no_secret_gets_into_a_log(stack: Endpoints, topic_prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither configured ones, nor bodies, nor ACK links with their tokens, nor what somebody put into a parameter."""
    caplog.set_level("INFO")
    caplog.set_level("WARNING", "httpx")  # The test's own client tells its URLs.
    settings = settings_for(stack, topic_prefix, ack={"signing_key": SIGNING_KEY})
    async with captured(settings) as (client, events):
        said = (await client.post(ALERTS, json={"password": "hunter2"})).json()
        token = said["ack_url"].partition("?token=")[2]
        await client.get(
            f"/api/incidents/ack/{said['incident_id']}", params={"token": token}, headers={"Accept": "*/*"}
        )
        await client.get(f"/api/incidents/ack/{said['incident_id']}", params={"token": "v1.99.forged"})
        await client.post(ALERTS, params={"pagerduty_other_routing_key": ROUTING_KEY}, json={})

    written = json.dumps(events, default=str) + caplog.text
    assert "acknowledgement_received" in written
    for secret in (SLACK_TOKEN, ROUTING_KEY, SIGNING_KEY, "hunter2", token, "forged", str(stack.redis_password)):
        assert secret not in written


async def test_a_body_is_logged_only_when_asked_for(stack: Endpoints, topic_prefix: str) -> None:
    """And then without what looks like a secret."""
    settings = settings_for(stack, topic_prefix, alert={"debug_body": True})
    async with captured(settings) as (client, events):
        await client.post(ALERTS, json={"disk": "full", "password": "hunter2", "note": f"token {SLACK_TOKEN}"})

    written = json.dumps(events, default=str)
    assert '"disk": "full"' in written
    assert "hunter2" not in written
    assert SLACK_TOKEN not in written
