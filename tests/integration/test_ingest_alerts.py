"""`POST /api/incidents` over real HTTP into a real Kafka: every answer of the public contract."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ackline.local_stack import Endpoints
from config.settings import Settings
from streams.records import AlertEvent
from streams.records.identity import incident_id, source_key, source_key_of
from streams.topics import Topic
from tests.edge import records, running_edge, settings_for


ALERTS = "/api/incidents"
FIRING = {
    "version": "4",
    "groupKey": '{}:{alertname="DiskFull"}',
    "status": "firing",
    "receiver": "ackline",
    "alerts": [{"status": "firing", "fingerprint": "f1", "labels": {"alertname": "DiskFull"}}],
}


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge(settings) as client:
        yield client


async def test_an_alert_is_in_kafka_when_it_is_answered_201(client: httpx.AsyncClient, settings: Settings) -> None:
    """The record has the source key as its key, all that was sent, and the ids that the answer foretells."""
    answer = await client.post(ALERTS, params={"oncall_wait_minutes": "0.05"}, json={"disk": "full", "é": [1, None]})

    said = answer.json()
    ((key, record),) = await records(settings, Topic.ALERTS, 1)
    assert 201 == answer.status_code
    assert {"status", "incident_id", "event_id", "ack_url", "warnings"} == said.keys()
    assert ("created", []) == (said["status"], said["warnings"])
    assert {"disk": "full", "é": [1, None]} == record["payload"]
    assert (0.05, said["event_id"]) == (record["oncall_wait_minutes"], record["event_id"])
    assert key == source_key(AlertEvent(payload=record["payload"], event_id=said["event_id"]))
    assert said["incident_id"] == incident_id(settings.deployment_secret, key, said["event_id"])
    assert said["ack_url"] == f"http://ack.test/api/incidents/ack/{said['incident_id']}"


async def test_the_content_type_is_not_insisted_on(client: httpx.AsyncClient) -> None:
    """Curl sends a form's type unless told otherwise, and a missing one says nothing about the body."""
    for content_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        answer = await client.post(ALERTS, content=b'{"a": 1}', headers={"Content-Type": content_type})

        assert 201 == answer.status_code


async def test_an_array_is_as_many_incidents(client: httpx.AsyncClient, settings: Settings) -> None:
    """All of them are in Kafka, each with its own ids."""
    answer = await client.post(ALERTS, json=[{"n": 1}, {"n": 2}, {}])

    said = answer.json()
    found = await records(settings, Topic.ALERTS, 3)
    assert (201, "created", 3) == (answer.status_code, said["status"], said["count"])
    assert 3 == len({incident["incident_id"] for incident in said["incidents"]})
    assert {incident["event_id"] for incident in said["incidents"]} == {record["event_id"] for _, record in found}


async def test_an_array_with_one_bad_element_is_refused_whole(client: httpx.AsyncClient, settings: Settings) -> None:
    """Nothing of it gets into Kafka."""
    refused = await client.post(ALERTS, json=[{"n": 1}, 2])
    await client.post(ALERTS, json={"after": True})

    assert 400 == refused.status_code
    assert "element 1 of the array is a number" in refused.json()["error"]
    assert [{"after": True}] == [record["payload"] for _, record in await records(settings, Topic.ALERTS, 1)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"not json", "the body is not JSON", id="no JSON"),
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b"[]", "the body is an empty array", id="empty array"),
        pytest.param(b"[1, 2]", "element 0 of the array is a number", id="numbers"),
        pytest.param(b'"text"', "the body is text", id="text"),
        pytest.param(b"[" * 50_000, "", id="deep"),
    ],
)
async def test_what_can_be_no_alert_is_a_400(client: httpx.AsyncClient, body: bytes, error: str) -> None:
    """With what is wrong and where."""
    answer = await client.post(ALERTS, content=body)

    assert (400, "refused") == (answer.status_code, answer.json()["status"])
    assert error in answer.json()["error"]


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 50_000):
        yield b"x" * 50_000


async def test_a_body_over_the_limit_is_a_413(client: httpx.AsyncClient, settings: Settings) -> None:
    """Announced or counted as it streams, and the edge goes on; just below the limit it is taken."""
    limit = settings.ingest.max_body_bytes
    largest = b'{"a":"' + b"x" * (limit - 8) + b'"}'

    announced = await client.post(ALERTS, content=b"x" * 5_000_000)
    streamed = await client.post(ALERTS, content=in_pieces(5_000_000))
    one_more = await client.post(ALERTS, content=largest + b" ")
    fits = await client.post(ALERTS, content=largest)

    assert [413, 413, 413, 201] == [each.status_code for each in (announced, streamed, one_more, fits)]
    assert f"larger than {limit} bytes" in announced.json()["error"]


async def test_a_record_that_grows_too_large_is_a_413(client: httpx.AsyncClient) -> None:
    """Numbers grow when they are written again; a record that can never fit must not be tried for ever."""
    answer = await client.post(ALERTS, content=b'{"a":[' + b",".join([b"1e15"] * 180_000) + b"]}")

    assert 413 == answer.status_code


@pytest.mark.parametrize(
    ("parameters", "warning"),
    [
        pytest.param({"oncall_wait_minutes": "soon"}, "oncall_wait_minutes must be a number", id="wait"),
        pytest.param({"oncall_enable": "perhaps"}, "oncall_enable must be true or false", id="enable"),
        pytest.param(
            {"pagerduty_other_routing_key": "nobody"}, "names no configured routing key (known: infra)", id="key"
        ),
        pytest.param({"wait": "1"}, "'wait' is no parameter of an alert", id="unknown"),
    ],
)
async def test_a_senseless_parameter_is_a_warning(
    client: httpx.AsyncClient, settings: Settings, parameters: dict[str, str], warning: str
) -> None:
    """The alert is in Kafka all the same, and the warning in both the answer and the record."""
    answer = await client.post(ALERTS, params=parameters, json={})

    ((_, record),) = await records(settings, Topic.ALERTS, 1)
    assert 201 == answer.status_code
    assert answer.json()["warnings"] == record["warnings"]
    assert warning in record["warnings"][0]
    assert parameters.keys().isdisjoint(record)


async def test_an_idempotency_key_makes_one_problem_of_two_requests(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """Both have the same source key, and so meet in the same incident."""
    for _ in range(2):
        await client.post(ALERTS, json={}, headers={"Idempotency-Key": "disk"})
    await client.post(ALERTS, json={})

    keys = [key for key, _ in await records(settings, Topic.ALERTS, 3)]
    assert 2 == len(set(keys))


@pytest.mark.parametrize(
    ("parameters", "body", "has_link"),
    [
        pytest.param({}, FIRING, True, id="firing"),
        pytest.param({"oncall_enable": "false"}, FIRING, False, id="on-call off"),
        pytest.param({}, {**FIRING, "status": "resolved"}, False, id="resolved"),
        pytest.param({"oncall_wait_minutes": "0"}, FIRING, True, id="paged at once"),
    ],
)
async def test_a_link_is_told_where_somebody_may_be_paged(
    client: httpx.AsyncClient, parameters: dict[str, str], body: Any, has_link: bool
) -> None:
    """Where nobody is, there is nothing to acknowledge."""
    said = (await client.post(ALERTS, params=parameters, json=body)).json()

    assert has_link == (said["ack_url"] is not None)
    assert source_key_of(said["incident_id"]) is not None


async def test_no_request_is_redirected(client: httpx.AsyncClient) -> None:
    """A client that follows a redirect with a GET would lose the alert and see a 200."""
    answers = [
        await client.post(f"{ALERTS}/", json={}),
        await client.put(ALERTS, json={}),
        await client.post("/api/incident", json={}),
    ]

    assert [404, 405, 404] == [answer.status_code for answer in answers]


async def test_the_docs_name_every_parameter_and_answer(client: httpx.AsyncClient) -> None:
    """What the contract promises is what OpenAPI says."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    post = paths[ALERTS]["post"]

    named = {parameter["name"] for parameter in post["parameters"]}
    assert named >= {"oncall_enable", "oncall_wait_minutes", "pagerduty_other_routing_key", "slack_channel_id"}
    assert named >= {"dedup_key", "Idempotency-Key"}
    assert {"201", "400", "413", "503"} == post["responses"].keys()
    assert {"get", "post"} == paths["/api/incidents/ack/{incident_id}"].keys()
    assert 200 == (await client.get("/docs")).status_code


async def test_the_edge_says_how_it_is(client: httpx.AsyncClient) -> None:
    """Alive, ready with each dependency by name, and with numbers for Prometheus."""
    await client.post(ALERTS, json={})

    ready = await client.get("/readyz")
    metrics = await client.get("/metrics")
    assert 200 == (await client.get("/healthz")).status_code
    assert {"kafka": "ok", "redis": "ok"} == ready.json()["dependencies"]
    assert "ackline_alerts_accepted_total" in metrics.text
    assert 200 == (await client.head("/healthz")).status_code
