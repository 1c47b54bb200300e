"""The local Kafka and Redis: started, found again with their data, stopped, and cleaned up after a kill."""

import os
import signal
import subprocess
import sys
import time

from pathlib import Path

import psutil
import pytest

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from ackline.local_stack import Endpoints, LocalStackError, local_stack, running_stack
from ackline.local_stack.redis import find_redis


def started_elsewhere(state_dir: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Another process that runs the stack, and its servers' processes."""
    program = (
        "import sys, time; from pathlib import Path; from ackline.local_stack import local_stack\n"
        "with local_stack(Path(sys.argv[1])) as stack:\n"
        "    print(*stack.pids().values(), flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", program, state_dir], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    with owner.stdout as told:
        return owner, [psutil.Process(int(pid)) for pid in told.readline().split()]


def redis_of(endpoints: Endpoints) -> Redis:
    return Redis(host=endpoints.redis_host or "", port=endpoints.redis_port or 0, password=endpoints.redis_password)


async def write_something(endpoints: Endpoints) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=endpoints.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=endpoints.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait("kept", b"in Kafka")
    async with redis_of(endpoints) as redis:
        await redis.set("kept", b"in Redis")


async def read_it_again(endpoints: Endpoints) -> tuple[object, object]:
    consumer = AIOKafkaConsumer(bootstrap_servers=endpoints.bootstrap_servers, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition("kept", 0)])
        record = await consumer.getone()
    async with redis_of(endpoints) as redis:
        return record.value, await redis.get("kept")


async def test_a_second_run_finds_data_ports_and_password_of_the_first(tmp_path: Path) -> None:
    """What was written is there after a stop and a start, under the same addresses, and nothing runs in between."""
    with local_stack(tmp_path) as first:
        await write_something(first.endpoints)
        processes = [psutil.Process(pid) for pid in first.pids().values()]
    still_running = [process for process in processes if process.is_running()]

    with local_stack(tmp_path) as second:
        found = await read_it_again(second.endpoints)

    assert [] == still_running
    assert first.endpoints == second.endpoints
    assert (b"in Kafka", b"in Redis") == found


def test_two_runs_never_share_a_state_directory(tmp_path: Path) -> None:
    """The second is refused with a message that names the first's process; the first goes on."""
    with local_stack(tmp_path, kafka=False) as first:
        refusal = rf"in use by process {os.getpid()}.*--state-dir"
        with pytest.raises(LocalStackError, match=refusal), local_stack(tmp_path):
            pass

        assert {} == first.died()
        assert first.endpoints == running_stack(tmp_path)
    assert running_stack(tmp_path) is None


def test_servers_die_with_a_run_that_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the owner nothing of it is left running."""
    owner, servers = started_elsewhere(tmp_path)

    owner.kill()
    owner.wait()

    _, alive = psutil.wait_procs(servers, timeout=20)
    assert [] == alive


def test_a_leftover_of_a_killed_run_is_stopped(tmp_path: Path) -> None:
    """A server that survived its owner gives way to the next run, which keeps its port."""
    with local_stack(tmp_path, kafka=False) as first:
        pass
    home = tmp_path / "redis"
    leftover = subprocess.Popen([find_redis(), home / "redis.conf"], cwd=home)
    (tmp_path / "redis.pid").write_text(str(leftover.pid))

    with local_stack(tmp_path, kafka=False) as second:
        code = leftover.poll()

    assert code is not None
    assert first.endpoints == second.endpoints


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    """A process that only happens to have the pid of an old server is not ours to stop."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    tmp_path.joinpath("redis.pid").write_text(str(stranger.pid))

    with local_stack(tmp_path, kafka=False):
        code = stranger.poll()

    stranger.kill()
    stranger.wait()
    assert code is None


def test_only_its_owner_can_read_the_password(tmp_path: Path) -> None:
    """The files that hold it are private, and no command line shows it."""
    with local_stack(tmp_path, kafka=False) as stack:
        command = psutil.Process(stack.pids()["redis"]).cmdline()
    password = stack.endpoints.redis_password or ""

    holding = [file for file in tmp_path.rglob("*") if file.is_file() and password in file.read_text(errors="ignore")]

    assert holding
    assert {0o600} == {file.stat().st_mode & 0o777 for file in holding}
    assert password not in " ".join(command)
    assert password not in repr(stack)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error carries the server's own last words and the file to look into."""
    (tmp_path / "redis" / "data").mkdir(parents=True)
    (tmp_path / "redis" / "data" / "appendonly.aof").write_text("this is no log of commands")

    ended = pytest.raises(LocalStackError, match=r"local redis ended with code 1.*redis\.log")
    with ended as error, local_stack(tmp_path, kafka=False):
        pass

    assert "Bad file format" in str(error.value)


def test_a_directory_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    """A path that is no directory is reported with what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(LocalStackError, match="--state-dir chooses another"), local_stack(tmp_path / "file"):
        pass


def test_a_server_that_died_can_be_revived(tmp_path: Path) -> None:
    """A killed server is reported, and starts again at the same address."""
    with local_stack(tmp_path, kafka=False) as stack:
        psutil.Process(stack.pids()["redis"]).kill()
        while not (died := stack.died()):
            time.sleep(0.01)

        stack.revive()

        assert {"redis": -signal.SIGKILL} == died
        assert {} == stack.died()
        revived = stack.pids()["redis"]
    assert not psutil.pid_exists(revived)
