"""Looks for a text wherever the pipeline has written anything: in every topic, in every log, in every URL."""

from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from ackline.demo.world import World
from ackline.topic_access import everything_in
from streams.topics import all_topics


async def places_with(text: str, world: World) -> set[str]:
    """Where the text occurs."""
    found = {where async for where, content in _topics(world) if text.encode() in content}
    found |= {f"the log {file}" for file in _files(world.logs) if text.encode() in file.read_bytes()}
    return found | {f"the URL of {whose}" for whose, url in _urls(world) if text in url}


async def _topics(world: World) -> AsyncIterator[tuple[str, bytes]]:
    kafka = world.settings.kafka
    specs = all_topics(
        prefix=kafka.topic_prefix, partitions=kafka.partitions, replication_factor=kafka.replication_factor
    )
    async for topic, content in everything_in(kafka, [spec.name for spec in specs]):
        yield f"the topic {topic}", content


def _files(directories: Iterable[Path]) -> Iterator[Path]:
    return (file for directory in directories for file in directory.iterdir() if file.is_file())


def _urls(world: World) -> Iterator[tuple[str, str]]:
    sandbox = world.sandbox
    yield from (("a call to Slack", call.url) for call in sandbox.slack.calls)
    yield from (("a call to PagerDuty", call.url) for call in sandbox.pagerduty.calls)
    yield from (("a link in Slack", link) for message in sandbox.slack_messages for link in message.links)
    for event in sandbox.pagerduty_events:
        yield from (("a link in PagerDuty", str(link)) for link in (event.client_url, *event.links, *event.images))
