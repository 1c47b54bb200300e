"""What the commands tell of dead letters, on a real Kafka, and what becomes of a record that is written back."""

import asyncio
import json
import signal
import subprocess
import sys
import time

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from aiokafka import AIOKafkaProducer, ConsumerRecord
from structlog.testing import capture_logs

from ackline.dead_letters_command import run_list, run_retry, run_show
from ackline.local_stack import Endpoints
from streams.codec import encode
from streams.records.dead_letter import letter_of
from streams.service import Streams
from streams.topics import Topic
from tests.edge import running, until
from tests.integration.notifier_world import TOKEN, World, a_world, post, trigger
from tests.integration.streams_world import alert
from tests.log import everything_in, wait_for_records


HOUR_MS = 3_600_000


class Desk:
    """Somebody at a terminal, in a deployment of their own."""

    def __init__(self, world: World, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self.config = config
        self._capsys = capsys

    async def list(self, *, since: timedelta | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """`ackline dead-letters list`, as scripts read it."""
        assert await asyncio.to_thread(run_list, self.config, Path(), since=since, limit=limit, as_json=True)
        letters: list[dict[str, Any]] = json.loads(self._capsys.readouterr().out)
        return letters

    async def show(self, place: str) -> tuple[bool, str]:
        """`ackline dead-letters show`: whether it was there, and all that is said."""
        done = await asyncio.to_thread(run_show, self.config, Path(), place=place)
        return done, "".join(self._capsys.readouterr())

    async def retry(self, *places: str) -> tuple[bool, str]:
        """`ackline dead-letters retry`, of all for no places: how it ended, and all that is said."""
        done = await asyncio.to_thread(run_retry, self.config, Path(), places=places, since=None, ask=False)
        return done, "".join(self._capsys.readouterr())

    async def place(self, count: int = 1) -> str:
        """Where the newest letter is, once there are so many."""
        await wait_for_records(self.world.settings, Topic.DEAD_LETTERS, count)
        return str((await self.list())[0]["place"])

    async def bury(self, value: bytes, topic: Topic = Topic.ALERTS, *, at_ms: int | None = None) -> None:
        """Put a record aside as a role does that cannot use it."""
        record = ConsumerRecord(self.world.name(topic), 1, 7, -1, 0, b"k\xff", value, None, -1, -1, ())
        letter = letter_of(record, "is of version 2")
        async with AIOKafkaProducer(bootstrap_servers=self.world.settings.kafka.bootstrap_servers) as producer:
            await producer.send_and_wait(
                self.world.name(Topic.DEAD_LETTERS), letter.value, key=letter.key, headers=letter.headers,
                timestamp_ms=at_ms,
            )  # fmt: skip


@pytest.fixture
async def desk(
    stack: Endpoints, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Desk]:
    """With a config file, and topics that are this test's own."""
    config = tmp_path / "config.yaml"
    async with a_world(stack, topic_prefix) as world:
        kafka = {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": topic_prefix, "partitions": 2}
        config.write_text(
            yaml.safe_dump(
                {
                    "alert": {"slack": {"token": TOKEN, "channel_id": "C1"}},
                    "oncall": {"enable": False},
                    "redis": {"host": "127.0.0.1"},
                    "kafka": kafka,
                }
            )
        )
        # Roles in this process would write their logs where the commands write.
        with capture_logs():
            yield Desk(world, config, capsys)


async def test_a_letter_is_listed_shown_and_written_back_once(desk: Desk, tmp_path: Path) -> None:
    """As the record that it was, which a worker then processes; what is still unusable stays, and is told."""
    value, settings = encode(alert(oncall_wait_minutes=0)), desk.world.settings
    await desk.bury(value)
    place = await desk.place(1)
    await desk.bury(b"{no json")
    listed, (is_there, shown) = await desk.list(), await desk.show(place)
    done, told = await desk.retry()
    async with running(Streams(settings, tmp_path / "state")):
        await wait_for_records(settings, Topic.PAGERDUTY_EVENTS, 1)
        again = [await desk.retry(), await desk.retry(place)]
    # The other is the worker's own, under the source key.
    written, _ = await everything_in(settings, Topic.ALERTS)

    assert [("is of version 2", 1), ("is of version 2", 1)] == [(one["reason"], one["tries"]) for one in listed]
    assert is_there
    assert f"from       {desk.world.name(Topic.ALERTS)} 1:7" in shown
    assert '"title": "Disk full"' in shown
    assert done
    assert f"{place}  → {written.topic} 1:{written.offset}" in told
    assert "is still unusable, and would only come back" in told
    assert (value, b"k\xff", 1) == (written.value, written.key, written.partition)
    assert [True, False] == [is_well for is_well, _ in again]
    assert "has been written back already" in again[1][1]
    assert [False, True] == [one["written_back"] for one in await desk.list()]
    assert 1 == len(await everything_in(settings, Topic.PAGERDUTY_EVENTS))


async def test_what_fails_again_is_a_letter_again_that_says_how_often(desk: Desk) -> None:
    """And where it was written back from; that one can be tried again too."""
    await desk.world.write(Topic.SLACK_NOTIFICATIONS, post(channel_id="nowhere"))
    async with desk.world.notifiers():
        first = await desk.place()
        await desk.retry(first)
        # Its note lies beside it.
        second = await desk.place(3)
        await desk.retry(second)
        third = await desk.place(5)
        letters = await desk.list()

    assert [(third, 3, second), (second, 2, first), (first, 1, None)] == [
        (one["place"], one["tries"], one["retried_from"]) for one in letters
    ]
    assert [False, True, True] == [one["written_back"] for one in letters]


async def test_a_page_that_nobody_got_is_sent_when_it_is_written_back(desk: Desk) -> None:
    """However old it is, and who does it is told so first."""
    desk.world.sandbox.pagerduty.fail("error")
    await desk.world.write(Topic.PAGERDUTY_EVENTS, trigger())
    async with desk.world.notifiers():
        place = await desk.place()
        desk.world.sandbox.pagerduty.restore()
        before = list(desk.world.sandbox.pagerduty_incidents)
        done, told = await desk.retry(place)
        await desk.world.sandbox.wait_for(lambda: desk.world.sandbox.pagerduty_incidents)

    assert [] == before
    assert done
    assert "1 to pagerduty-events: sent to PagerDuty: a trigger PAGES SOMEBODY, however old it is" in told
    assert ["incident-1"] == [one.dedup_key for one in desk.world.sandbox.pagerduty_incidents]


async def test_only_what_is_asked_for_is_listed(desk: Desk) -> None:
    """The newest, or since a time."""
    now_ms = time.time_ns() // 1_000_000
    await desk.bury(b"old", at_ms=now_ms - 2 * HOUR_MS)
    await desk.bury(b"newer", at_ms=now_ms - HOUR_MS // 2)
    await desk.bury(b"newest!", at_ms=now_ms)

    assert [7, 5, 3] == [one["size"] for one in await desk.list()]
    assert [7, 5] == [one["size"] for one in await desk.list(since=timedelta(hours=1))]
    assert [7] == [one["size"] for one in await desk.list(limit=1)]
    assert 3 == len(await desk.list(since=timedelta(days=36_500)))


async def test_reading_always_begins_at_the_beginning(desk: Desk) -> None:
    """A consumer's own first reset, to the end, must not win against ours."""
    await desk.bury(b"a letter")

    assert [1] * 20 == [len(await desk.list()) for _ in range(20)]


async def test_what_is_not_there_is_told(desk: Desk) -> None:
    """Beside what is, which is written back all the same."""
    await desk.bury(encode(alert()))
    place = await desk.place()
    shown = await desk.show("1:999")
    done, told = await desk.retry(place, "0:999", "7:0")

    assert (False, "1:999: no dead letter is there; `ackline dead-letters list` shows them\n") == shown
    assert not done
    assert "0:999  not written back: it is not there\n7:0  not written back: it is not there\n" in told
    assert f"{place}  → " in told


async def test_without_topics_it_says_how_to_get_them(
    desk: Desk, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And creates none by looking."""
    desk.config.write_text(desk.config.read_text().replace(topic_prefix, f"{topic_prefix}other."))
    done = [
        await asyncio.to_thread(run_list, desk.config, Path(), since=None, limit=1, as_json=False) for _ in range(2)
    ]

    assert [False, False] == done
    assert 2 == capsys.readouterr().err.count(f"topics are missing: {topic_prefix}other.alerts, ")


@pytest.mark.parametrize("ends", ["with Ctrl-C", "without an answer"])
async def test_who_is_asked_and_does_not_say_yes_has_done_nothing(desk: Desk, ends: str) -> None:
    """One Ctrl-C is enough, and where nobody can answer it is no yes."""
    await desk.bury(encode(alert()))
    command = [sys.executable, "-P", "-m", "ackline", "dead-letters", "retry", "--all", "--config", str(desk.config)]
    process = subprocess.Popen(  # noqa: ASYNC220
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        try:
            assert process.stdout
            assert process.stdin
            question = await asyncio.wait_for(asyncio.to_thread(_read_until, process.stdout, b"Go on? [y/N]: "), 20)
            if ends == "with Ctrl-C":
                # A signal between the question and the reading would only be seen after the answer.
                await until(_Asleep(process.pid))
                process.send_signal(signal.SIGINT)
            else:
                process.stdin.close()
            code = await asyncio.to_thread(process.wait, 10)
        finally:
            process.kill()

    assert b"1 to alerts: as if they came in now" in question
    assert 1 == code
    assert [] == await everything_in(desk.world.settings, Topic.ALERTS)


class _Asleep:
    """Whether a process has slept since the last look: one that only waits for a moment on its way wakes up in between."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._switches: int | None = None

    async def __call__(self) -> bool:
        before, self._switches = self._switches, self._process.num_ctx_switches().voluntary
        return self._switches == before and self._process.status() == psutil.STATUS_SLEEPING


def _read_until(stream: Any, end: bytes) -> bytes:
    read = b""
    while not read.endswith(end) and (each := stream.read1(1)):
        read += each
    return read
