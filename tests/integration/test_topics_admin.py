"""Topics on a real broker: created once, never changed, and refused where they would not do."""

from datetime import timedelta

import pytest

from ackline.local_stack import Endpoints
from ackline.topics_admin import KafkaUnreachableError, TopicsError, ensure_topics, inspect_topics
from config.settings import KafkaSettings
from streams.topics import all_topics


def settings_for(stack: Endpoints, prefix: str, **other: object) -> KafkaSettings:
    values = {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 2}
    return KafkaSettings.model_validate(values | other)


async def test_missing_topics_are_created_as_specified(stack: Endpoints, topic_prefix: str) -> None:
    """Afterwards every topic is there with its partitions, leaders and configuration, and a second time is no error."""
    kafka = settings_for(stack, topic_prefix)
    before = await inspect_topics(kafka)

    created = await ensure_topics(kafka)
    again = await ensure_topics(kafka)

    assert [None] * len(before) == [report.found for report in before]
    assert all_topics(prefix=topic_prefix, partitions=2, replication_factor=1) == [report.spec for report in created]
    assert [[]] * len(created) == [report.differences for report in created]
    assert created == again


async def test_another_number_of_partitions_is_refused(stack: Endpoints, topic_prefix: str) -> None:
    """The error names the setting and what each topic has; the report shows it without failing."""
    await ensure_topics(settings_for(stack, topic_prefix))
    kafka = settings_for(stack, topic_prefix, partitions=3)

    reports = await inspect_topics(kafka)

    assert reports[0].differences == ["partitions is 2, not 3"]
    with pytest.raises(TopicsError, match=rf"kafka.partitions: is 3, .*{topic_prefix}alerts has 2"):
        await ensure_topics(kafka)


async def test_a_topic_that_cannot_be_created_says_why(stack: Endpoints, topic_prefix: str) -> None:
    """More copies than brokers is waited for, since brokers may be joining, and then told with the broker's words."""
    kafka = settings_for(stack, topic_prefix, replication_factor=3)

    with pytest.raises(TopicsError, match="replication factor of 3 cannot be reached"):
        await ensure_topics(kafka, patience=timedelta(seconds=1))


async def test_an_absent_broker_is_waited_for_and_then_told(stack: Endpoints, topic_prefix: str) -> None:
    """The wait is bounded, and the error names the setting and the address."""
    kafka = settings_for(stack, topic_prefix, bootstrap_servers="127.0.0.1:1")

    with pytest.raises(KafkaUnreachableError, match=r"kafka.bootstrap_servers: no Kafka answers at 127\.0\.0\.1:1"):
        await ensure_topics(kafka, patience=timedelta(seconds=1))
