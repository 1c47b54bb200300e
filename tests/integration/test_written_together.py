"""What the streams write together lies in Kafka whole, in order, and where it is said to lie."""

from collections import defaultdict
from pathlib import Path

from aiokafka.errors import KafkaError

from ackline.local_stack import Endpoints
from ackline.topic_access import records_in
from ackline.topics_admin import ensure_topics
from config.kafka_options import PRODUCER_BATCH_BYTES
from config.settings import Settings
from streams.app import Worker
from streams.reliable.producer import Outgoing
from streams.topics import Topic, topic_name
from tests.edge import settings_for, until
from tests.integration.streams_world import NoClaims
from tests.integration.test_faust_rules import limit


async def test_records_that_fill_several_batches_keep_their_order_in_each_partition(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Small ones, some that fill a batch between them, and one that is larger than a batch."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 3})
    await ensure_topics(settings.kafka)
    sizes = [*[10] * 200, *[PRODUCER_BATCH_BYTES // 3] * 12, PRODUCER_BATCH_BYTES * 2, *[10] * 20]
    name = topic_name(topic_prefix, Topic.INCIDENT_LOG)
    given = [Outgoing(name, b"%d" % (number % 7), b"%d:" % number + b"x" * size) for number, size in enumerate(sizes)]

    ends = await _written(settings, tmp_path, given)

    found = defaultdict(list)
    async for record in records_in(settings.kafka, [name]):
        found[record.partition].append(record)
    assert [each.value for each in given] == sorted(
        (record.value for records in found.values() for record in records), key=_number
    )
    for partition, records in found.items():
        assert [record.value for record in records] == sorted((record.value for record in records), key=_number)
        assert ends[partition] == records[-1].offset
    assert len(ends) == len(found) > 1


async def test_one_record_that_kafka_refuses_fails_all_that_is_written_with_it(
    stack: Endpoints, topic_prefix: str, tmp_path: Path
) -> None:
    """Else a decision would be committed of which a part is missing."""
    settings = settings_for(stack, topic_prefix, kafka={"partitions": 1})
    await ensure_topics(settings.kafka)
    refused, taken = topic_name(topic_prefix, Topic.PAGERDUTY_EVENTS), topic_name(topic_prefix, Topic.INCIDENT_LOG)
    await limit(settings, refused, 100)

    async def is_refused() -> bool:  # A broker takes a while to know its new limit.
        try:
            await _written(settings, tmp_path, [Outgoing(taken, b"k", b"small"), Outgoing(refused, b"k", b"x" * 500)])
        except KafkaError:
            return True
        return False

    await until(is_refused)


def _number(value: bytes) -> int:
    return int(value.partition(b":")[0])


async def _written(settings: Settings, home: Path, records: list[Outgoing]) -> dict[int, int]:
    producer = Worker(settings, home, NoClaims()).app.producer
    await producer.start()
    try:
        return {place.partition: offset for place, offset in (await producer.write(records)).items()}
    finally:
        await producer.stop()
