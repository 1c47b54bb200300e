"""What can happen to an alert, as stories that are played on a running pipeline and fail where it ends otherwise."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ackline.demo import alerts
from ackline.demo.secrecy import places_with
from ackline.demo.settings import KEYS
from ackline.demo.world import World, expect
from streams.topics import Topic


SAME_ALERTS = 5


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story, and what it shows."""

    name: str
    play: Callable[[World], Awaitable[str]]
    """Returns a remark for the table."""


async def _reaches_slack(world: World) -> str:
    sent = await world.fire(alerts.HIGH_ERROR_RATE.anew())
    ack_link = await world.told(sent)
    expect(ack_link == sent.ack_url, f"the ACK link {sent.ack_url}", ack_link or "none")
    # Nobody is to be woken by what another story is about.
    await world.acknowledge(sent, ack_link)
    return ""


async def _acknowledged_in_time(world: World) -> str:
    sent = await world.fire(alerts.HIGH_LATENCY.anew())
    await world.acknowledge(sent, await world.told(sent))
    await world.unpaged(sent)
    return ""


async def _nobody_acknowledges(world: World) -> str:
    sent = await world.fire(alerts.INSTANCE_DOWN.anew())
    await world.told(sent)
    late_ms = await world.paged(sent)
    await world.once(sent)
    return f"{late_ms} ms late"


async def _no_wait(world: World) -> str:
    sent = await world.fire(alerts.DATABASE_DOWN.anew(), oncall_wait_minutes="0")
    late_ms = await world.paged(sent)
    await world.told(sent)
    return f"after {late_ms} ms"


async def _on_call_off(world: World) -> str:
    sent = await world.fire(alerts.CERTIFICATE_EXPIRES.anew(), oncall_enable="false")
    ack_link = await world.told(sent)
    expect(not ack_link, "no ACK link, since nobody is on call for it", ack_link)
    await world.unpaged(sent)
    return ""


async def _key_by_name(world: World) -> str:
    sent = await world.fire(alerts.NODE_NOT_READY.anew(), pagerduty_other_routing_key="infra")
    await world.told(sent)
    await world.paged(sent, key="infra")
    await world.once(sent)
    # What is found of the alert shows that the search finds what is there.
    reached = await places_with(sent.alert.instance, world)
    topic = f"the topic {world.topic(Topic.PAGERDUTY_EVENTS)}"
    expect(topic in reached, f"the alert in {topic}", ", ".join(sorted(reached)))
    leaked = await places_with(KEYS["infra"], world)
    expect(not leaked, "the key of infra in no topic, log or URL", f"it is in {', '.join(sorted(leaked))}")
    world.tell("✓ every record of every topic, every log and every URL was searched: the key is in none of them")
    return ""


async def _repeated(world: World) -> str:
    alert = alerts.DISK_FILLS.anew()
    sent = [await world.fire(alert) for _ in range(SAME_ALERTS)]
    await world.told(sent[0])
    await world.paged(sent[0])
    await world.once(sent[-1])
    return ""


async def _resolved_in_time(world: World) -> str:
    sent = await world.fire(alerts.QUEUE_GROWS.anew())
    await world.told(sent)
    await world.fire(sent.alert, status="resolved")
    await world.updated(sent, "Resolved")
    await world.unpaged(sent)
    return ""


async def _straight_to_kafka(world: World) -> str:
    sent = await world.write(alerts.TOO_MANY_LOGINS.anew())
    ack_link = await world.told(sent)
    expect(bool(ack_link), "an ACK link in the message", "none")
    late_ms = await world.paged(sent)
    await world.once(sent)
    return f"{late_ms} ms late"


SCENARIOS: Sequence[Scenario] = (
    Scenario("alert → Slack with ACK link", _reaches_slack),
    Scenario("ACK before the deadline → PagerDuty hears nothing", _acknowledged_in_time),
    Scenario("no ACK → PagerDuty triggered once, at the deadline", _nobody_acknowledges),
    Scenario("oncall_wait_minutes=0 → triggered at once", _no_wait),
    Scenario("oncall_enable=false → Slack only", _on_call_off),
    Scenario(
        "pagerduty_other_routing_key=infra → infra's key used, and that key in no topic, log or URL", _key_by_name
    ),
    Scenario("the same alert five times → one message, one page", _repeated),
    Scenario("resolved before the deadline → no page", _resolved_in_time),
    Scenario("a record written straight to Kafka → same as by HTTP", _straight_to_kafka),
)
