"""The real Kafka and Redis that tests run against, and the isolation of tests from each other on them.

`ACKLINE_TEST_STACK=local` (the default) starts both on this machine without Docker; `containers` starts them from
their images. Tests cannot tell the difference.
"""

import os
import secrets

from collections.abc import Iterator

import pytest

from ackline.local_stack import Endpoints, local_stack
from tests.containers import container_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """One Kafka and one Redis for all tests of a run: `.bootstrap_servers`, `.redis_host`, `.redis_port`, …"""
    kind = os.environ.get("ACKLINE_TEST_STACK", "local")
    if kind == "containers":
        with container_stack() as endpoints:
            yield endpoints
    elif kind == "local":
        with local_stack(tmp_path_factory.mktemp("stack")) as started:
            yield started.endpoints
    else:
        raise pytest.UsageError(f"ACKLINE_TEST_STACK is {kind!r}; it can be local or containers")


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of this test's own, for topics, consumer groups and Redis keys."""
    return f"t{secrets.token_hex(4)}."
