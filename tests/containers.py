"""Kafka and Redis from their container images, for machines with Docker."""

import contextlib
import time

from collections.abc import Iterator

from testcontainers.community.redis import RedisContainer
from testcontainers.core.container import DockerContainer

from ackline.local_stack import Endpoints
from ackline.local_stack.kafka import answers
from ackline.local_stack.ports import choose_ports


KAFKA_IMAGE = "apache/kafka:4.1.1"
REDIS_IMAGE = "redis:7.4-alpine"
_READY_SECONDS = 90
_PASSWORD = "only-for-tests"


@contextlib.contextmanager
def container_stack() -> Iterator[Endpoints]:
    """Both containers, started and removed."""
    with _kafka() as bootstrap_servers, RedisContainer(REDIS_IMAGE, password=_PASSWORD) as redis:
        host, port = redis.get_container_host_ip(), int(redis.get_exposed_port(6379))
        yield Endpoints(bootstrap_servers, host, port, _PASSWORD)


@contextlib.contextmanager
def _kafka() -> Iterator[str]:
    """The broker's address. testcontainers' own KafkaContainer knows another vendor's image only."""
    # A broker has to be told before it starts under which port clients reach it, so the host's port is chosen here.
    port = choose_ports(["kafka"], {})["kafka"]
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    host = container.get_docker_client().host()
    container.with_envs(**_broker_environment(f"{host}:{port}"))
    with container:
        _wait_for_broker(host, port)
        yield f"{host}:{port}"


def _wait_for_broker(host: str, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not answers(host, port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{KAFKA_IMAGE} gave no answer in {_READY_SECONDS} s")
        time.sleep(0.1)


def _broker_environment(address: str) -> dict[str, str]:
    """The local broker in the words of the image, which takes all settings from the environment or none."""
    return {
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_NODE_ID": "1",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{address}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_MESSAGE_MAX_BYTES": str(4 * 1024 * 1024),
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
