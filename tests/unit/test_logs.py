"""No secret gets into a log, by whatever way it tries."""

import json
import logging

from collections.abc import Iterator

import pytest
import structlog

from ackline.logs import MASK, QUIET_SECONDS, Redaction, Repeats, configure_logs, is_secret_name, secrets_of
from config.settings import Settings


SECRET = "R0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def _logs_as_before() -> Iterator[None]:
    """Logging is global: what a test sets up must not outlive it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def redacted(**event: object) -> dict[str, object]:
    return dict(Redaction([SECRET])(None, "info", event))


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        pytest.param("routing_key", True, id="a-key"),
        pytest.param("Authorization", True, id="any-case"),
        pytest.param("slack_token", True, id="with-a-prefix"),
        pytest.param("routing_key_name", False, id="the-name-of-a-key"),
        pytest.param("incident_id", False, id="anything-else"),
    ],
)
def test_fields_are_secret_by_their_names(name: str, is_secret: bool) -> None:
    """A field that is named like a secret is one; a key's name is for everybody."""
    assert is_secret == is_secret_name(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(f"POST /x?k={SECRET} failed", f"POST /x?k={MASK} failed", id="in-a-text"),
        pytest.param([{"deep": (SECRET, 1)}], [{"deep": [MASK, 1]}], id="nested"),
        pytest.param(SECRET.encode(), MASK, id="bytes"),
        pytest.param(ValueError(SECRET), MASK, id="an-exception"),
        pytest.param(None, None, id="nothing"),
        pytest.param(1.5, 1.5, id="a-number"),
    ],
)
def test_a_configured_secret_is_masked_wherever_it_turns_up(value: object, expected: object) -> None:
    """Its value is looked for in everything, and all else is left as it is."""
    assert {"detail": expected} == redacted(detail=value)


def test_a_secret_that_begins_with_another_is_masked_whole() -> None:
    """No rest of the longer one is left."""
    redact = Redaction(["abcdef", "abcdef-and-more"])

    assert {"event": MASK} == redact(None, "info", {"event": "abcdef-and-more"})


@pytest.mark.parametrize("count", [pytest.param(2, id="few"), pytest.param(200, id="more-than-letters")])
def test_every_one_of_many_secrets_is_masked(count: int) -> None:
    """However many there are, and wherever in the text one stands."""
    secrets = [f"{number:06d}-is-a-key" for number in range(count)]
    redact = Redaction(secrets)

    masked = [redact(None, "info", {"event": f"{before}{each}"})["event"] for each in secrets for before in ("", "a ")]
    assert [MASK, f"a {MASK}"] * count == masked


def test_every_secret_of_the_settings_is_found() -> None:
    """Tokens, default and named routing keys, passwords and the signing key."""
    settings = Settings.model_validate(
        {
            "alert": {"slack": {"token": "xoxb-1", "channel_id": "C1"}},
            "oncall": {"pagerduty": {"routing_key": "default", "other_routing_keys": {"infra": "other"}}},
            "redis": {"password": "redis"},
            "kafka": {"security": {"password": "kafka"}},
            "ack": {"signing_key": "s" * 32},
        }
    )

    assert {"xoxb-1", "default", "other", "redis", "kafka", "s" * 32} == set(secrets_of(settings))


@pytest.mark.usefixtures("_logs_as_before")
def test_logs_of_ours_and_of_libraries_come_out_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal each event is one JSON object with role, level and time, tracebacks included, masked."""
    configure_logs("ingest", [SECRET])

    structlog.get_logger("ackline.ingest").info("alert_accepted", incident_id="i1")
    logging.getLogger("aiokafka.client").info("chatter")
    logging.getLogger("aiokafka.client").error("lost %s", SECRET, exc_info=RuntimeError(f"bad {SECRET}"))

    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert ("alert_accepted", "i1", "ingest", "info", "ackline.ingest") == tuple(
        ours[key] for key in ("event", "incident_id", "role", "level", "logger")
    )
    assert (f"lost {MASK}", "error") == (theirs["event"], theirs["level"])
    assert f"RuntimeError: bad {MASK}" in theirs["exception"]
    assert SECRET not in json.dumps(theirs)


def test_a_library_that_repeats_itself_is_told_once_and_counted() -> None:
    """An outage is one line in ten seconds, with how many were left out; another line of code is another matter."""
    now = 0.0
    repeats = Repeats(lambda: now)

    def says(line: int, name: str = "aiokafka.conn") -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "conn.py", line, "node not ready", None, None)
        return record if repeats.filter(record) else None

    first = [says(1), says(1), says(1), says(2)]
    now = QUIET_SECONDS
    later = says(1)

    assert [True, False, False, True] == [record is not None for record in first]
    assert later is not None
    assert vars(later)["left_out"] == 2


def test_our_own_logs_are_told_every_time() -> None:
    """Each of them is about an incident of its own."""
    repeats = Repeats(lambda: 0.0)
    record = logging.LogRecord("ackline.streams", logging.INFO, "timer.py", 1, "incident_escalated", None, None)

    assert [True, True] == [repeats.filter(record), repeats.filter(record)]
