"""What people and machines send by mistake: each is told what is wrong, and the alert behind it is paged all the same."""

import asyncio
import json
import secrets
import subprocess

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from aiokafka import AIOKafkaProducer, ConsumerRecord

from ackline.exits import EXIT_CONFIG
from ackline.local_stack import Endpoints
from streams.topics import Topic, topic_name
from tests.acceptance.secrecy import leaks
from tests.acceptance.world import ACKLINE, SECRETS, World, a_world, alert, named
from tests.bodies import alertmanager_body
from tests.log import everything_in


TEMPLATE = (
    "{% if boom is defined %}{{ 1 // 0 }}{% endif %}From the template: {{ commonLabels.severity | upper }} {{ title }}"
)
BUILT_IN = "The built-in message is shown, since the template"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("world")
    (directory / "message.j2").write_text(TEMPLATE)
    async with a_world(stack, directory) as world:
        with_template = yaml.safe_load(world.config.read_text())
        with_template["alert"]["slack"]["template_path"] = "message.j2"
        world.config.write_text(yaml.safe_dump(with_template))
        await world.up()
        yield world


async def a_good_alert_is_paged(world: World) -> None:
    """Nothing that came before it stands in its way."""
    answer = await world.post(alert(named("Good")), oncall_wait_minutes=0, slack_channel_id=a_channel())
    await world.page(answer["incident_id"])


def a_channel() -> str:
    """A channel of its own, since Slack is slow with each."""
    return f"C{secrets.token_hex(3)}"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param(b'{"title": ', 400, "the body is not JSON", id="no-json"),
        pytest.param(b"\xff\xfe", 400, "the body is not JSON", id="no-text"),
        pytest.param(b"", 400, "the body is empty", id="nothing"),
        pytest.param(b'"disk full"', 400, "the body is text; it must be a JSON object", id="text"),
        pytest.param(b"[]", 400, "the body is an empty array", id="empty-array"),
        pytest.param(b"[1, 2]", 400, "element 0 of the array is a number", id="numbers"),
        pytest.param(b'[{"title": "x"}, null]', 400, "element 1 of the array is null", id="one-of-two"),
        pytest.param(b'{"title": "%s"}' % (b"x" * 5_000_000), 413, "larger than 960000 bytes", id="5-MB"),
    ],
)
async def test_a_body_that_is_no_alert_is_refused_with_what_and_where(
    world: World, body: bytes, status: int, words: str
) -> None:
    """Nothing of it gets in, and the next alert is paged."""
    answer = await world.client.post("/api/incidents", content=body)
    await a_good_alert_is_paged(world)

    assert (status, "refused") == (answer.status_code, answer.json()["status"])
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("oncall_wait_minutes", "soon"),
        ("oncall_wait_minutes", "-1"),
        ("oncall_enable", "perhaps"),
        ("pagerduty_other_routing_key", "nobody"),
        ("colour", "red"),
    ],
)
async def test_a_parameter_that_makes_no_sense_costs_a_warning_and_not_the_alert(
    world: World, parameter: str, value: str
) -> None:
    """The answer says so, the Slack message says so, and the defaults page."""
    answer = await world.post(alert(named("Doubtful")), slack_channel_id=a_channel(), **{parameter: value})
    told = json.dumps((await world.message(answer["incident_id"])).blocks)
    page = await world.page(answer["incident_id"])

    assert [True] == [parameter in warning for warning in answer["warnings"]]
    assert parameter in told
    assert "default" == page.key_name


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="empty-object"),
        pytest.param({"title": "no labels"}, id="no-commonLabels"),
        pytest.param({"commonLabels": None, "alerts": 3}, id="labels-of-another-kind"),
        pytest.param({**alertmanager_body(), "boom": True, "groupKey": "boom"}, id="template-raises"),
    ],
)
async def test_a_template_that_fails_costs_its_words_and_not_the_alert(world: World, body: dict[str, Any]) -> None:
    """The built-in message is posted with a word about why, and nobody acknowledges, so it is paged."""
    answer = await world.post(body, slack_channel_id=a_channel())
    message = await world.message(answer["incident_id"])
    await world.page(answer["incident_id"])

    assert BUILT_IN in json.dumps(message.blocks)
    assert "From the template" not in json.dumps(message.blocks)


async def test_a_template_that_works_is_used(world: World) -> None:
    """Or the tests above would show nothing."""
    answer = await world.post({**alertmanager_body(), "groupKey": "fine", "title": "ok"}, slack_channel_id=a_channel())
    message = await world.message(answer["incident_id"])

    assert "From the template: CRITICAL ok" in json.dumps(message.blocks)


async def test_unusable_records_of_other_producers_are_kept_as_dead_letters(world: World) -> None:
    """Their own bytes, with why and where; a record under a wrong key is no such thing; and what follows is paged."""
    title, unusable = named("By Kafka"), [
        b"\xff\xfe not a record",
        b'{"payload": [1, 2]}',
        b'{"v": 99, "payload": {"title": "of another time"}}',
        b'{"something": "else"}',
    ]  # fmt: skip
    good = {"payload": alert(title), "oncall_wait_minutes": 0, "slack_channel_id": a_channel()}
    await produce(world, *unusable, json.dumps(good).encode())
    page = await world.until(
        lambda: [one for one in world.sandbox.pagerduty_incidents if title in one.summary], f"{title} is paged"
    )
    buried = await world.until(lambda: dead_letters(world, unusable), "all unusable records are kept")

    assert 1 == len(page)
    assert sorted(unusable) == sorted(record.value for record in buried)
    for record in buried:
        headers = dict(record.headers)
        assert {"reason", "topic", "partition", "offset"} == set(headers)
        assert topic_name(world.settings.kafka.topic_prefix, Topic.ALERTS).encode() == headers["topic"]
        assert b"my-own-key" == record.key


async def produce(world: World, *values: bytes) -> None:
    """Write to `alerts` as another producer does, under a key of its own."""
    kafka = world.settings.kafka
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for value in values:
            await producer.send_and_wait(topic_name(kafka.topic_prefix, Topic.ALERTS), value, key=b"my-own-key")


async def dead_letters(world: World, wanted: list[bytes]) -> list[ConsumerRecord]:
    """Those of these records that are kept, once all are."""
    found = await everything_in(world.settings, Topic.DEAD_LETTERS)
    mine = [record for record in found if record.value in wanted]
    return mine if len(mine) >= len(wanted) else []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"oncall": {"wait_minuts": 3}}, "oncall.wait_minuts: is no key that Ackline knows", id="key"),
        pytest.param({"name": "${NOT_SET}"}, "name: the environment variable NOT_SET is not set", id="variable"),
        pytest.param({"port": "many"}, "port: must be a whole number", id="type"),
        pytest.param({"kafka": {"session_timeout": "60s"}}, "kafka.session_timeout: must be at most", id="timeout"),
    ],
)
async def test_a_config_that_cannot_be_used_is_told_by_its_place(
    world: World, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    """By `check` and by `up`: one clear line, no traceback, no secret, and nothing is started."""
    config = yaml.safe_load(world.config.read_text())
    for name, value in change.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    checked, started = await asyncio.gather(run(world, "check", tmp_path), run(world, "up", tmp_path))

    assert (1, EXIT_CONFIG) == (checked.returncode, started.returncode)
    assert [f"✗ {problem}"] == [line[: len(problem) + 2] for line in checked.stdout.splitlines()]
    assert problem in json.loads(started.stderr)["problem"]
    assert [] == [secret for secret in SECRETS.values() if secret in checked.stdout + started.stderr]


async def run(world: World, command: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    """A command with the config of this directory, run to its end."""
    arguments = [ACKLINE, command, "--config", directory / "config.yaml", "--state-dir", directory / command]
    return await asyncio.to_thread(
        subprocess.run, arguments, env=world.environ, capture_output=True, text=True, check=False, timeout=30
    )


async def test_after_all_of_this_no_secret_is_anywhere(world: World) -> None:
    """Nor the words of an alert in a log; not even where somebody took a routing key for its name."""
    answer = await world.post(
        alert(named("A key for a name")), pagerduty_other_routing_key=SECRETS["PAGERDUTY_OTHER_ROUTING_KEY_INFRA"]
    )
    await world.page(answer["incident_id"])

    assert 1 == len(answer["warnings"])
    assert set() == await leaks(world)


async def test_the_search_for_secrets_finds_one_that_is_there(world: World) -> None:
    """Or the test above would show nothing. An alert that holds a token is its sender's own leak, and travels on."""
    answer = await world.post({"title": SECRETS["SLACK_TOKEN"]}, slack_channel_id=a_channel())
    await world.page(answer["incident_id"])
    found = await leaks(world)

    topic = f"SLACK_TOKEN in the topic {world.settings.kafka.topic_prefix}"
    topics = ("alerts", "delays", "slack-notifications", "pagerduty-events", "streams-escalations-changelog")
    assert {f"{topic}{name}" for name in topics} <= found
    assert {"SLACK_TOKEN in a Slack message", "SLACK_TOKEN in a PagerDuty event"} <= found
    assert "SLACK_TOKEN in a log" not in found
