"""Searches everything that a deployment has written or sent for what must not be there.

Secrets may be nowhere but in the calls that need them, and those are not kept; signed ACK links and the words of alerts
may be in no log.
"""

from collections.abc import AsyncIterator, Iterator

from ackline.topic_access import everything_in
from streams.topics import all_topics
from tests.acceptance.world import BODY, SECRETS, World


SIGNATURE = "token=v1."
"""In every signed ACK link: whoever reads it may acknowledge."""


async def leaks(world: World) -> set[str]:
    """What is where it must not be, and where that is."""
    secrets = {**SECRETS, "REDIS_PASSWORD": world.environ["REDIS_PASSWORD"]}
    return {
        f"{name} in {where}"
        async for where, content in written(world)
        for name, secret in secrets.items()
        if secret.encode() in content
    } | {f"{words!r} in a log" for words in (SIGNATURE, BODY) if words in world.log()}


async def written(world: World) -> AsyncIterator[tuple[str, bytes]]:
    """All that there is to search: the topics and changelogs, the logs, what was sent, and what the API tells."""
    kafka = world.settings.kafka
    specs = all_topics(prefix=kafka.topic_prefix, partitions=kafka.partitions, replication_factor=1)
    async for topic, content in everything_in(kafka, [spec.name for spec in specs]):
        yield f"the topic {topic}", content
    yield "a log", world.log().encode()
    for where, text in sent(world):
        yield where, text.encode()
    for path in ("/metrics", "/api/incidents?limit=200", "/openapi.json", "/readyz"):
        yield path, (await world.client.get(path)).content


def sent(world: World) -> Iterator[tuple[str, str]]:
    """URLs and contents of what the sandbox was sent."""
    sandbox = world.sandbox
    yield from (("the URL of a call", call.url) for call in [*sandbox.slack.calls, *sandbox.pagerduty.calls])
    yield from (("a Slack message", str(message)) for message in sandbox.slack_messages)
    yield from (("a PagerDuty event", str(event)) for event in sandbox.pagerduty_events)
