"""Looks at the topics on the broker and creates those that are missing, before anything else starts.

An existing topic is never changed: its partitions cannot shrink, more of them would move keys to other partitions, and
its retention may be somebody's decision. A wrong number of partitions is an error; the rest is told.
"""

import asyncio
import contextlib
import time

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from config.kafka_options import client_options
from config.settings import KafkaSettings
from streams.topics import TopicSpec, all_topics, app_id


PATIENCE = timedelta(seconds=30)
"""How long a broker that is starting is waited for."""

_PAUSE_SECONDS = 0.25
_REQUEST_SECONDS = 10

Answer = TypeVar("Answer")


class TopicsError(Exception):
    """The topics are not as the pipeline needs them; the message names each and says what to do."""


class KafkaUnreachableError(TopicsError):
    """No broker answered in time."""


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the broker has it."""

    partitions: int
    replication_factor: int
    config: dict[str, str]
    """Only what the specification speaks of."""
    has_leaders: bool


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What is wanted, and what is there."""

    spec: TopicSpec
    found: FoundTopic | None

    @property
    def has_wrong_partitions(self) -> bool:
        """Whether records of one key would not meet those of the other topics in one partition."""
        return self.found is not None and self.found.partitions != self.spec.partitions

    @property
    def differences(self) -> list[str]:
        """How an existing topic differs from what is wanted, in words."""
        if self.found is None:
            return []
        wanted, found = _facts(self.spec), _facts(self.found)
        return [f"{name} is {found.get(name)}, not {want}" for name, want in wanted.items() if found.get(name) != want]


def _facts(topic: TopicSpec | FoundTopic) -> dict[str, str]:
    counts = {"partitions": str(topic.partitions), "replication factor": str(topic.replication_factor)}
    return counts | topic.config


async def inspect_topics(kafka: KafkaSettings, *, patience: timedelta = PATIENCE) -> list[TopicReport]:
    """What the broker has of the topics that the pipeline needs."""
    specs = _specs(kafka)
    async with _admin(kafka, deadline := time.monotonic() + patience.total_seconds()) as admin:
        return await _retried(lambda: _reports(admin, specs), deadline)


async def ensure_topics(kafka: KafkaSettings, *, patience: timedelta = PATIENCE) -> list[TopicReport]:
    """Create the missing topics, wait until every partition has a leader and groups can form, and report.

    Raises:
        TopicsError: a topic has another number of partitions, or could not be created.
    """
    specs = _specs(kafka)
    async with _admin(kafka, deadline := time.monotonic() + patience.total_seconds()) as admin:
        before = await _retried(lambda: _reports(admin, specs), deadline)
        refuse_wrong_partitions(before)
        missing = [report.spec for report in before if report.found is None]
        if missing:
            await _retried(lambda: _create(admin, missing), deadline)
        await _retried(lambda: _find_coordinator(admin, kafka), deadline)
        return await _retried(lambda: _reports_with_leaders(admin, specs), deadline)


async def active_groups(kafka: KafkaSettings, *, patience: timedelta = PATIENCE) -> list[str]:
    """The consumer groups of the topics' prefix in which somebody is consuming now."""
    async with _admin(kafka, deadline := time.monotonic() + patience.total_seconds()) as admin:
        found = await _retried(admin.list_consumer_groups, deadline)
        ours = sorted(name for name, *_ in found if name.startswith(kafka.topic_prefix))
        # One by one: aiokafka 0.14 cannot read an answer about several.
        answers = [await _retried(partial(admin.describe_consumer_groups, [name]), deadline) for name in ours]
    described = [group for (answer,) in answers for group in answer.groups]
    return sorted(name for _code, name, state, *_ in described if state not in {"Empty", "Dead"})


def refuse_wrong_partitions(reports: list[TopicReport]) -> None:
    """One error for all topics whose number of partitions is not the configured one."""
    wrong = [report for report in reports if report.has_wrong_partitions]
    if wrong:
        told = ", ".join(f"{report.spec.name} has {report.found.partitions}" for report in wrong if report.found)
        raise TopicsError(
            f"kafka.partitions: is {wrong[0].spec.partitions}, but on the broker {told}. Set it to what is there, or "
            "choose a new kafka.topic_prefix: all topics must have the same number, and it cannot be changed later"
        )


def missing_topics(reports: list[TopicReport]) -> str | None:
    """What to tell of the topics that are not there; None where all are."""
    missing = [report.spec.name for report in reports if report.found is None]
    if not missing:
        return None
    return f"topics are missing: {', '.join(missing)}. `ackline topics --apply` creates them, and so does `ackline up`"


async def require_topics(kafka: KafkaSettings, *, patience: timedelta) -> None:
    """For who needs them as they must be, and makes none.

    Raises:
        TopicsError: a topic is missing or has another number of partitions, or no broker answers.
    """
    reports = await inspect_topics(kafka, patience=patience)
    refuse_wrong_partitions(reports)
    if missing := missing_topics(reports):
        raise TopicsError(missing)


def _specs(kafka: KafkaSettings) -> list[TopicSpec]:
    return all_topics(
        prefix=kafka.topic_prefix, partitions=kafka.partitions, replication_factor=kafka.replication_factor
    )


@contextlib.asynccontextmanager
async def _admin(kafka: KafkaSettings, deadline: float) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=_REQUEST_SECONDS * 1000)
    try:
        await _retried(admin.start, deadline)
        yield admin
    except KafkaConnectionError as problem:
        raise KafkaUnreachableError(
            f"kafka.bootstrap_servers: no Kafka answers at {kafka.bootstrap_servers}. Does it run, is the address "
            "right as seen from here, and do kafka.security and the broker's listener agree?"
        ) from problem
    except KafkaError as problem:
        raise TopicsError(f"Kafka at {kafka.bootstrap_servers} refused: {problem}") from problem
    finally:
        await admin.close()


async def _retried(attempt: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
    """The answer, tried for again while the trouble may pass and there is time."""
    while True:
        try:
            return await asyncio.wait_for(attempt(), _REQUEST_SECONDS)
        except (KafkaError, OSError, TimeoutError) as problem:
            if time.monotonic() > deadline or not _may_pass(problem):
                raise problem if isinstance(problem, KafkaError) else KafkaConnectionError(str(problem)) from problem
        await asyncio.sleep(_PAUSE_SECONDS)


def _may_pass(problem: BaseException) -> bool:
    # Too few brokers for the replication factor is what a cluster says while its brokers are still joining.
    passing = isinstance(problem, OSError | TimeoutError | InvalidReplicationFactorError)
    return passing or (isinstance(problem, KafkaError) and problem.retriable)


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> None:
    topics = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, topic_configs=spec.config) for spec in specs
    ]
    for name, code, message in (await admin.create_topics(topics)).topic_errors:
        # One that exists was made by somebody beside us, or by an attempt of ours whose answer was lost.
        if for_code(code) not in {NoError, TopicAlreadyExistsError}:
            raise for_code(code)(f"topic {name} could not be created: {message or for_code(code).description}")


async def _find_coordinator(admin: AIOKafkaAdminClient, kafka: KafkaSettings) -> None:
    """Asking for it lets a new broker make the topic of its groups, which the first consumers would fail without."""
    # Who may create topics need not be who may consume.
    with contextlib.suppress(GroupAuthorizationFailedError):
        await admin.find_coordinator(app_id(kafka.topic_prefix))


async def _reports_with_leaders(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> list[TopicReport]:
    reports = await _reports(admin, specs)
    waiting = [report.spec.name for report in reports if not (report.found and report.found.has_leaders)]
    if waiting:
        raise KafkaConnectionError(f"topics without a leader: {', '.join(waiting)}")
    refuse_wrong_partitions(reports)
    return reports


async def _reports(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> list[TopicReport]:
    described = {topic["topic"]: topic for topic in await admin.describe_topics([spec.name for spec in specs])}
    present = [spec for spec in specs if described[spec.name]["partitions"]]
    configs = await _configs(admin, present) if present else {}
    return [
        TopicReport(spec, _found(described[spec.name]["partitions"], configs[spec.name]) if spec in present else None)
        for spec in specs
    ]


def _found(partitions: list[dict[str, Any]], config: dict[str, str]) -> FoundTopic:
    return FoundTopic(
        partitions=len(partitions),
        replication_factor=min(len(each["replicas"]) for each in partitions),
        config=config,
        has_leaders=all(each["error_code"] == 0 for each in partitions),
    )


async def _configs(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, spec.name, dict.fromkeys(spec.config)) for spec in specs]
    found: dict[str, dict[str, str]] = {spec.name: {} for spec in specs}
    for response in await admin.describe_configs(asked):
        for _code, _message, _kind, name, entries in response.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
