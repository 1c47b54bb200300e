"""The real Kafka and Redis that tests run against, and the isolation of tests from each other on them.

`ACKLINE_TEST_STACK=local` (the default) starts both on this machine without Docker; `containers` starts them from
their images. Tests cannot tell the difference.
"""

import os
import secrets
import sys

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from ackline.local_stack import Endpoints, local_stack
from tests.containers import container_stack


def _make_importable(package: str) -> None:
    """A package that is not shipped and so not installed: it, and nothing else that lies beside it."""
    directory = Path(__file__).parents[1] / package
    spec = spec_from_file_location(package, directory / "__init__.py", submodule_search_locations=[str(directory)])
    assert spec is not None
    assert spec.loader is not None
    sys.modules[package] = module = module_from_spec(spec)
    spec.loader.exec_module(module)


_make_importable("bench")


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
