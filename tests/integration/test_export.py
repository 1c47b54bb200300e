"""Exports of real topics, and imports into others: the same records, or a clear no."""

import random
import time

from pathlib import Path
from typing import Any

import pytest
import zstandard

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ackline.export_command import export
from ackline.import_command import import_bundle, refuse_harm, short_lived
from ackline.local_stack import Endpoints
from ackline.topics_admin import ensure_topics, inspect_topics
from audit.bundle_read import reading_bundle
from audit.topics_source import reading_topics
from config.settings import Settings
from streams.topics import Topic, topic_name
from tests.edge import settings_for, until
from tests.integration.test_cli import ackline, config_for
from tests.log import everything_in


Place = tuple[Topic, int, int]


async def fill(settings: Settings, count: int, begin_ms: int | None = None) -> None:
    """Records of all sorts in all topics, a second apart: keys or none, headers, and bytes that are no text."""
    await ensure_topics(settings.kafka)
    chance = random.Random(5)
    begin_ms = time.time_ns() // 1_000_000 - count * 1000 if begin_ms is None else begin_ms
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all") as producer:
        for number in range(count):
            # In batches of one: that is how aiokafka takes records that have neither key nor value, as others write them.
            batch = producer.create_batch()
            batch.append(
                timestamp=begin_ms + number * 1000,
                value=chance.choice(
                    [b'{"a": 1}', b"\xff\xfe poison \x00", b"", None, "Grüße\n".encode(), b"x" * 20_000]
                ),
                key=chance.choice([None, b"key", b"\xc3\x28"]),
                headers=chance.choice([[], [("reason", b"why"), ("reason", b"\xff"), ("none", None)]]),
            )
            name = topic_name(settings.kafka.topic_prefix, chance.choice(list(Topic)))
            await (await producer.send_batch(batch, name, partition=chance.randrange(2)))


async def held(settings: Settings, *, offsets: bool = True) -> dict[Any, Any]:
    """All that is in the topics of a prefix, by where it is."""
    found = {}
    for topic in Topic:
        for number, record in enumerate(await everything_in(settings, topic)):
            place = record.offset if offsets else number
            found[topic, record.partition, place] = (record.key, record.value, record.headers, record.timestamp)
    return found


@pytest.fixture
def settings(stack: Endpoints, topic_prefix: str) -> Settings:
    return settings_for(stack, topic_prefix)


@pytest.fixture
def other(stack: Endpoints, topic_prefix: str) -> Settings:
    """A deployment that has nothing yet."""
    return settings_for(stack, f"other{topic_prefix}")


async def test_an_import_is_what_was_exported(settings: Settings, other: Settings, tmp_path: Path) -> None:
    """Record for record, byte for byte, at the same places; in the file they are in the order of time."""
    await fill(settings, 80)
    path = tmp_path / "export"

    done = await export(settings.kafka, path, from_ms=None, to_ms=None)
    with reading_bundle(path) as bundle:
        read = list(bundle.records())
        proved = bundle.end
    await refuse_harm(other.kafka, done.manifest)
    notes = await import_bundle(other.kafka, path, done.manifest, done.end)

    before = await held(settings)
    assert before == await held(other)
    assert 80 == len(before) == len(read)
    assert proved == done.end
    assert {place: value[1] or b"" for place, value in before.items()} == {
        (each.topic, each.partition, each.offset): each.value for each in read
    }
    for partition in range(2):
        times = [each.timestamp_ms for each in read if each.partition == partition]
        assert sorted(times) == times
    assert ["80 records written", "Where a record names a topic"] == [
        note[: len(told)]
        for note, told in zip(notes, ["80 records written", "Where a record names a topic"], strict=True)
    ]


async def test_a_range_is_exact_and_does_not_grow(settings: Settings, other: Settings, tmp_path: Path) -> None:
    """From a record's time on, up to a record's time; what comes in meanwhile is not in it, and offsets begin anew."""
    begin_ms = time.time_ns() // 1_000_000 - 60_000
    await fill(settings, 60, begin_ms)
    from_ms, to_ms = begin_ms + 20_000, begin_ms + 40_000
    path = tmp_path / "export"
    whole = await held(settings)

    async with reading_topics(settings.kafka) as source:
        await fill(settings, 5)
        late = [record async for _, record in source.records()]
    done = await export(settings.kafka, path, from_ms=from_ms, to_ms=to_ms)
    notes = await import_bundle(other.kafka, path, done.manifest, done.end)

    assert 60 == len(late) == source.size
    with reading_bundle(path) as bundle:
        read = {(each.topic, each.partition, each.offset): each.timestamp_ms for each in bundle.records()}
    assert {place: value[3] for place, value in whole.items() if from_ms <= value[3] < to_ms} == read
    assert 20 == len(read)
    assert 0 == min(offset for _, _, offset in await held(other))
    assert any("of them have another offset than they had" in note for note in notes)


async def test_what_kafka_deletes_meanwhile_is_left_out(settings: Settings) -> None:
    """Its retention goes on while somebody reads, and the rest is read all the same."""
    await ensure_topics(settings.kafka)
    name = topic_name(settings.kafka.topic_prefix, Topic.ALERTS)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as producer:
        for number in range(20):
            await producer.send_and_wait(name, b"{}", partition=number % 2)

    async with reading_topics(settings.kafka, [Topic.ALERTS]) as source:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
        await admin.start()
        await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before_offset=2)})
        await admin.close()
        read = [(record.partition, record.offset) async for _, record in source.records()]

    assert 20 == source.size
    assert [(0, offset) for offset in range(2, 10)] + [(1, offset) for offset in range(10)] == read


async def test_topics_that_hold_something_are_refused(
    settings: Settings, stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """So are another number of partitions, and a file that was tampered with; all by name, and nothing is written."""
    await fill(settings, 10)
    path = tmp_path / "export"
    config = config_for(stack, tmp_path, topic_prefix, partitions=2)
    exported = ackline("export", "-o", path, "--config", config)
    before = await held(settings)

    again = ackline("export", "-o", path, "--config", config)
    full = ackline("import", path, "--yes", "--config", config)
    unasked = ackline("import", path, "--config", config)
    elsewhere = config_for(stack, tmp_path, f"new{topic_prefix}", partitions=3)
    differing = ackline("import", path, "--yes", "--config", elsewhere)
    elsewhere = config_for(stack, tmp_path, f"new{topic_prefix}", partitions=2)
    wrong_head = ackline("import", path, "--yes", "--head", "ab", "--config", elsewhere)
    tamper(path)
    tampered = ackline("import", path, "--yes", "--config", elsewhere)

    assert [0, 1, 1, 2, 1, 1, 1] == [
        done.returncode for done in (exported, again, full, unasked, differing, wrong_head, tampered)
    ]
    assert "there is such a file already" in again.stderr
    assert f"not empty: {topic_prefix}" in full.stderr
    assert "give --yes" in unasked.stderr
    assert "kafka.partitions: is 3, but the export has 2" in differing.stderr
    assert "the head is " in wrong_head.stderr
    assert "line 4 (" in tampered.stderr
    assert before == await held(settings)
    new = await inspect_topics(settings_for(stack, f"new{topic_prefix}").kafka)
    assert [None] * len(new) == [report.found for report in new]


def tamper(path: Path) -> None:
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines(keepends=True)
    del lines[3]
    path.write_bytes(zstandard.compress(b"".join(lines)))


async def test_topics_that_somebody_consumes_are_refused(
    settings: Settings, stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """A notifier would page for what it finds there. Once it has left, they are taken."""
    await ensure_topics(settings.kafka)
    path, config = tmp_path / "export", config_for(stack, tmp_path, topic_prefix, partitions=2)
    ackline("export", "-o", path, "--config", config)

    async with AIOKafkaConsumer(
        topic_name(topic_prefix, Topic.PAGERDUTY_EVENTS),
        group_id=f"{topic_prefix}notifiers-pagerduty",
        bootstrap_servers=stack.bootstrap_servers,
    ) as consumer:
        await until(lambda: assigned(consumer))
        refused = ackline("import", path, "--yes", "--config", config)
    taken = ackline("import", path, "--yes", "--config", config)

    assert (1, 0, "") == (refused.returncode, taken.returncode, taken.stderr)
    assert f"consumers are running ({topic_prefix}notifiers-pagerduty)" in refused.stderr
    assert "PAGES PEOPLE" in refused.stderr
    assert "PAGES PEOPLE" in taken.stdout


async def assigned(consumer: AIOKafkaConsumer) -> bool:
    return bool(consumer.assignment())


async def test_a_file_is_checked_without_any_kafka(settings: Settings, stack: Endpoints, tmp_path: Path) -> None:
    """With the head that the export printed, and the first bad record by its name."""
    await fill(settings, 10)
    path = tmp_path / "export"
    config = config_for(stack, tmp_path, settings.kafka.topic_prefix, partitions=2)
    exported = ackline("export", "-o", path, "--config", config)
    head = exported.stdout.split("head ")[1].split()[0]

    good = ackline("import", path, "--check", "--head", head)
    tamper(path)
    bad = ackline("import", path, "--check")

    assert (0, 1) == (good.returncode, bad.returncode)
    assert f"head {head}: as given" in good.stdout
    assert " 10 records" in good.stdout
    assert "line 4 (" in bad.stderr
    assert "Traceback" not in bad.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "soon"], "'soon' is no point in time; give one such as 2026-03-01T14:00:00Z"),
        (["--from", "1h", "--to", "2h"], "--from is not before --to"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(options: list[str], told: str, tmp_path: Path) -> None:
    """Before anything is asked of Kafka."""
    done = ackline("export", "-o", tmp_path / "export", *options)

    assert 2 == done.returncode
    assert told in done.stderr


def test_a_directory_that_is_not_there_is_told(stack: Endpoints, topic_prefix: str, tmp_path: Path) -> None:
    """In a sentence."""
    config = config_for(stack, tmp_path, topic_prefix)
    ackline("topics", "--apply", "--config", config)

    done = ackline("export", "-o", tmp_path / "nowhere" / "export", "--config", config)

    assert (1, f"{tmp_path}/nowhere/export: cannot be written (No such file or directory)\n") == (
        done.returncode,
        done.stderr,
    )


async def test_no_kafka_is_told(tmp_path: Path) -> None:
    """By its place in the config, without a traceback, and no file is there."""
    nowhere = Endpoints("127.0.0.1:1", "127.0.0.1", 1, "")
    config = config_for(nowhere, tmp_path, "nowhere.")

    done = ackline("export", "-o", tmp_path / "export", "--config", config)

    assert 1 == done.returncode
    assert "kafka.bootstrap_servers: Kafka at 127.0.0.1:1 does not answer" in done.stderr
    assert not (tmp_path / "export").exists()


async def test_what_will_not_stay_is_told(settings: Settings, other: Settings, tmp_path: Path) -> None:
    """Kafka deletes by the times of the records, and an old export has old ones."""
    now_ms = time.time_ns() // 1_000_000
    await fill(settings, 40, now_ms - 40_000)
    done = await export(settings.kafka, tmp_path / "export", from_ms=None, to_ms=None)
    reports = await inspect_topics(other.kafka)

    assert [] == list(short_lived(done.end, reports, now_ms))
    hours = list(short_lived(done.end, reports, now_ms + 3_600_000))
    months = list(short_lived(done.end, reports, now_ms + 40 * 86_400_000))
    assert [f"{other.kafka.topic_prefix}ticks"] == [told.split(":")[0] for told in hours]
    assert len(Topic) == len(months)
