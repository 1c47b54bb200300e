"""A real Apache Kafka for one machine: one node that is broker and controller, without ZooKeeper and Docker."""

import socket
import struct
import subprocess
import uuid

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from ackline.local_stack.errors import LocalStackError
from ackline.local_stack.ports import LOOPBACK


_API_VERSIONS_REQUEST = struct.pack(">hhih", 18, 0, 1, -1)
"""Key 18, version 0, correlation id 1, no client id: what every Kafka client asks first."""

_LOGGING = """\
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log_file}
appender.file.filePattern = {log_file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
"""


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """The broker: its directory, its ports and how to run it."""

    home: Path
    logs: Path
    port: int
    controller_port: int
    java: Path
    jars: list[Path]

    name = "kafka"

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def config_file(self) -> Path:
        """What the broker reads at its start."""
        return self.home / "server.properties"

    @property
    def log_file(self) -> Path:
        """The broker's own log."""
        return self.logs / "kafka.log"

    @property
    def command(self) -> list[str | Path]:
        """Runs the broker."""
        return [*self._java("-Xmx512m", "-XX:+ExitOnOutOfMemoryError"), "kafka.Kafka", self.config_file]

    def prepare(self) -> None:
        """Write the configuration, and format the data directory where it is new."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "log4j2.properties").write_text(_LOGGING.format(log_file=self.log_file))
        self.config_file.write_text("".join(f"{key}={value}\n" for key, value in self._config().items()))
        if not (self.home / "data" / "meta.properties").exists():
            self._format()

    def is_ready(self) -> bool:
        """Whether the broker answers a request in its own protocol."""
        return answers(LOOPBACK, self.port)

    def _java(self, *options: str) -> list[str | Path]:
        classpath = ":".join(str(jar) for jar in self.jars)
        logging = f"-Dlog4j2.configurationFile={self.home / 'log4j2.properties'}"
        return [self.java, *options, logging, "-cp", classpath]

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = [*self._java("-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        # `=` because a random id may begin with a dash.
        command = [*tool, f"--cluster-id={cluster_id}", "--config", self.config_file]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
        if done.returncode != 0:
            raise LocalStackError(f"Kafka could not format {self.home / 'data'}: {done.stderr.strip() or done.stdout}")

    def _config(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "log.dirs": self.home / "data",
            "auto.create.topics.enable": "false",
            "message.max.bytes": 4 * 1024 * 1024,
            # One node has no second copy to wait for.
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            # After a kill -9 the controller lets the broker in again when its former self has been silent this long.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            # Groups begin at once: nobody else is about to join, and every restart would wait for it.
            "group.initial.rebalance.delay.ms": 0,
            # Few and small inner topics: their defaults are for clusters and cost start-up time and memory.
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.num.partitions": 4,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        }


def answers(host: str, port: int) -> bool:
    """Whether a broker that takes requests listens there; a port alone is open earlier, or by somebody else."""
    try:
        with socket.create_connection((host, port), timeout=1) as broker:
            broker.sendall(struct.pack(">i", len(_API_VERSIONS_REQUEST)) + _API_VERSIONS_REQUEST)
            return len(broker.recv(10)) > 0
    except OSError:
        return False
