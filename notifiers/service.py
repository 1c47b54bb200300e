"""The notifiers as a role: reads what is to be told, and tells it. Two consumers, each with lanes of its own."""

import asyncio

from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from config.settings import Settings
from notifiers import http, metrics
from notifiers.consume import Reader
from notifiers.dead_letter_notes import DeadLetterNotes
from notifiers.job import Job
from notifiers.lanes import Pace
from notifiers.pagerduty import PagerDutySender
from notifiers.paging import Paging, RoutingKeys
from notifiers.publish import Publisher
from notifiers.render import Renderer
from notifiers.slack import SlackSender
from notifiers.telling import Telling
from notifiers.template import Template, TemplateFailed, load_template
from state.client import connect
from state.receipts import RedisReceipts
from state.turns import RedisTurns
from streams.records import AckLinks
from streams.topics import Topic


log = structlog.get_logger("ackline.notifiers")

SLACK_PACE = Pace(burst=10, per_second=1.0)
"""Slack takes about one message a second for each channel, and short bursts (docs.slack.dev/apis/web-api/rate-limits)."""


class Notifiers:
    """The whole role."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = connect(settings.redis)
        self._receipts = RedisReceipts(self._redis, prefix=settings.redis.key_prefix, timeout=settings.redis.timeout)
        self._publisher = Publisher(settings.kafka)
        self._slack_client, self._pagerduty_client = http.Client(), http.Client()
        self._paging = self._make_paging()
        self._telling = self._make_telling()
        self._notes = self._make_notes()
        self._readers = [
            Reader(settings.kafka, Topic.PAGERDUTY_EVENTS, "notifiers-pagerduty", self._paging.handle, self._publisher),
            Reader(settings.kafka, Topic.SLACK_NOTIFICATIONS, "notifiers-slack",
                   self._telling.handle if self._telling else _not_told, self._publisher, SLACK_PACE),
        ]  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until told to stop."""
        async with AsyncExitStack() as held:
            held.push_async_callback(self._redis.aclose)
            held.push_async_callback(self._publisher.close)
            await held.enter_async_context(self._slack_client)
            await held.enter_async_context(self._pagerduty_client)
            async with asyncio.TaskGroup() as tasks:
                for reader in self._readers:
                    tasks.create_task(reader.run(stop))
                if self._notes:
                    tasks.create_task(self._notes.run(stop))

    def health(self) -> dict[str, str]:
        """What is well, and what is wrong with the rest."""
        troubles = {
            "kafka": next(filter(None, [self._publisher.trouble, *(reader.trouble for reader in self._readers)]), None),
            "redis": self._receipts.trouble,
            "slack": self._telling.trouble if self._telling else None,
            "pagerduty": self._paging.trouble,
        }
        return {name: trouble or "ok" for name, trouble in troubles.items()}

    def liveness(self) -> dict[str, float]:
        """For how many seconds each reader has stood still. What waits in a lane waits for somebody else."""
        return {part: seconds for reader in self._readers for part, seconds in reader.liveness().items()}

    def _make_paging(self) -> Paging:
        pagerduty = self._settings.oncall.pagerduty
        return Paging(
            sender=PagerDutySender(self._pagerduty_client, events_url=pagerduty.events_url),
            keys=RoutingKeys(pagerduty),
            receipts=self._receipts,
            publisher=self._publisher,
            public_host=self._settings.public_host,
        )

    def _make_telling(self) -> Telling | None:
        slack = self._settings.alert.slack
        if not slack.enable:
            return None
        assert slack.channel_id, "the settings refuse Slack without one"
        return Telling(
            sender=self._slack_sender(),
            renderer=Renderer(_template(self._settings), ack_links(self._settings), _template_failed),
            receipts=self._receipts,
            publisher=self._publisher,
            channel_id=slack.channel_id,
            give_up_after=slack.give_up_after,
        )

    def _make_notes(self) -> DeadLetterNotes | None:
        slack, redis = self._settings.alert.slack, self._settings.redis
        if not (slack.enable and slack.dead_letter_notes):
            return None
        assert slack.channel_id, "the settings refuse Slack without one"
        return DeadLetterNotes(
            self._settings.kafka,
            sender=self._slack_sender(),
            turns=RedisTurns(self._redis, prefix=redis.key_prefix, timeout=redis.timeout),
            channel_id=slack.channel_id,
        )

    def _slack_sender(self) -> SlackSender:
        slack = self._settings.alert.slack
        assert slack.token, "the settings refuse Slack without one"
        return SlackSender(self._slack_client, api_url=slack.api_url, token=slack.token)


def ack_links(settings: Settings) -> AckLinks:
    """ACK links as every role of the deployment makes and checks them."""
    return AckLinks(
        public_host=settings.public_host,
        signing_secret=settings.ack_link_secret,
        valid_for_ms=settings.ack.valid_for // timedelta(milliseconds=1),
    )


def _template(settings: Settings) -> Template | None:
    path = settings.alert.slack.template_path
    if path is None:
        return None
    try:
        return load_template(path)
    except TemplateFailed as problem:
        log.warning("template_unusable", reason=str(problem), hint="the built-in message is used")
        return None


def _template_failed(name: str, problem: str) -> None:
    metrics.TEMPLATE_FAILURES.inc()
    log.warning("template_failed", template=name, reason=problem, hint="the built-in message was used")


def _not_told(_reader: Reader, job: Job) -> None:
    """Slack is switched off: the records pass, or all of them would be told the day that it is switched on."""
    job.finish()
