"""The container files fit the code: its commands, its config, the versions that it is tested with. No engine is asked.

`make compose-check` runs them for real.
"""

import re
import tomllib

from pathlib import Path
from typing import Any

import pytest
import yaml

from ackline.cli import main
from ackline.local_stack.jars import KAFKA_VERSION
from ackline.roles import ROLES
from config.load import load
from sandbox.slack import TOKEN
from tests.containers import KAFKA_IMAGE, REDIS_IMAGE


ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "ackline"}
SECRET = re.compile(r"TOKEN|KEY|PASSWORD")


def env_file(name: str) -> dict[str, str]:
    """The variables that a file gives to `docker compose`."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def references(text: str) -> list[tuple[str, str]]:
    """Each `${NAME…}` as its name and what follows the name."""
    return re.findall(r"\$\{(\w+)([^}]*)\}", text)


def test_every_role_has_a_service() -> None:
    """Whoever starts the file has the whole pipeline."""
    assert {*ROLES, "topics", "sandbox"} == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_services_run_commands_that_exist(name: str) -> None:
    """A service is called what its command is called, and the command takes these options."""
    command, *options = OURS[name]["command"]

    assert name == command
    main.commands[command].make_context(command, options)


@pytest.mark.parametrize("name", [*ROLES, "topics"])
def test_the_config_s_variables_reach_every_role(name: str) -> None:
    """A variable that the config asks for and the container lacks would stop a role, or silently be its default."""
    configs = [ROOT / "config" / "config.yaml", ROOT / "tests" / "data" / "seed" / "config.yaml"]
    wanted = {variable for file in configs for variable, _ in references(file.read_text(encoding="utf-8"))}

    assert wanted - {"NAME", "KAFKA_PASSWORD"} <= set(OURS[name]["environment"])


def test_no_secret_has_a_default() -> None:
    """A password that everybody can read in the file protects nobody: it is asked for, or it is empty."""
    defaults = [(name, rest) for name, rest in references(COMPOSE) if SECRET.search(name) and rest != ":-"]

    assert defaults != []
    assert [name for name, rest in defaults if not rest.startswith(":?")] == []
    assert [name for name, value in env_file(".env.example").items() if SECRET.search(name) and value] == []


def test_the_example_names_all_that_is_asked_for() -> None:
    """A copy of the example, filled in, is all that it takes."""
    required = {name for name, rest in references(COMPOSE) if rest.startswith(":?")}

    assert required != set()
    assert required - set(env_file(".env.example")) == set()


def test_versions_are_those_that_are_tested() -> None:
    """Kafka and Redis in containers are the ones that the tests run against, with and without containers."""
    assert KAFKA_IMAGE == SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert REDIS_IMAGE == SERVICES["redis"]["image"]


def test_what_runs_for_long_is_watched_and_comes_back() -> None:
    """Every service but the one that ends has a health check, and is started again when it dies."""
    lasting = set(SERVICES) - {"topics"}

    assert lasting == {name for name, service in SERVICES.items() if "healthcheck" in service}
    assert lasting == {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}


@pytest.mark.parametrize("name", ROLES)
def test_roles_wait_for_the_topics_and_not_for_redis(name: str) -> None:
    """An agent whose topic is missing consumes nothing; a Redis that is missing must not stop a page."""
    conditions = {other: wait["condition"] for other, wait in OURS[name]["depends_on"].items()}

    assert conditions == {"topics": "service_completed_successfully", "redis": "service_started"}


def test_every_role_can_be_scaled() -> None:
    """No container has a fixed name, and no two workers share a data directory."""
    named = yaml.safe_load(COMPOSE)["volumes"]

    assert [name for name, service in SERVICES.items() if "container_name" in service] == []
    assert [volume for name in ROLES for volume in OURS[name]["volumes"] if volume.split(":")[0] in named] == []
    assert "/var/lib/ackline" in OURS["streams"]["volumes"]


def test_the_sandbox_s_variables_lead_to_the_sandbox() -> None:
    """With them nothing goes to the real Slack or PagerDuty, and the stand-ins take what comes."""
    given = env_file("sandbox.env")
    settings = load(ROOT / "config" / "config.yaml", given | {"REDIS_HOST": "redis"}).settings
    slack, pagerduty = settings.alert.slack, settings.oncall.pagerduty

    assert SERVICES["sandbox"]["profiles"] == [given["COMPOSE_PROFILES"]]
    assert slack.api_url == "http://sandbox:4000/slack/api"
    assert pagerduty.events_url == "http://sandbox:4000/pagerduty"
    assert slack.token
    assert slack.token.get_secret_value() == TOKEN
    assert {32} == {len(value) for name, value in given.items() if "ROUTING_KEY" in name}


def test_the_image_is_built_from_the_packages_alone() -> None:
    """Neither an .env with secrets nor local state gets into the image, and no package is forgotten."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    files = ["LICENSE", "pyproject.toml", "requirements.txt", "requirements-dev.txt"]
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == "*"
    assert sorted(files + packages["only-include"]) == sorted(line[1:] for line in lines if line.startswith("!"))


def test_the_image_names_no_index() -> None:
    """Packages come from wherever the builder's pip is told to look."""
    assert [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if "://" in line or "index-url" in line
    ] == []


@pytest.mark.parametrize(
    ("options", "lock"), [("{ next }", "requirements.txt"), ("' requirements-dev", "requirements-dev.txt")]
)
def test_the_image_chooses_packages_that_are_locked(options: str, lock: str) -> None:
    """A name that no lock holds would be left in, or left out, without a word."""
    line = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if "awk" in line and options in line)
    names = re.search(r"\^\(([^)]*)\)==", line)
    assert names
    locked = {pin.split("==")[0] for pin in (ROOT / lock).read_text().splitlines() if "==" in pin}

    assert set(names[1].split("|")) - locked == set()
