"""Logs on stderr: for people on a terminal, JSON elsewhere; libraries' and ours alike, and no secret in any of them.

Secrets are masked in two ways, because each misses some: by the names of fields, and by every configured value
wherever it turns up, an exception's text included.
"""

import logging
import sys
import time

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from pydantic import BaseModel, SecretStr

from config.settings import Settings


MASK = "***"
SECRET_WORDS = ("token", "password", "routing_key", "signing_key", "authorization", "secret")
"""A field whose name holds one of them is masked, unless it ends in `_name`: names of keys are no secrets."""

_SHORTEST_SECRET = 6
"""Shorter values are not looked for in texts: masking every `abc` would make logs unreadable and hide little."""

QUIET_SECONDS = 10.0
"""How long a library does not repeat itself. While Kafka is away its client says so thirty times a second."""

Event = MutableMapping[str, Any]


def configure_logs(role: str, secrets: Iterable[str] = (), *, sink: TextIO | None = None) -> None:
    """Send structlog's events and all of stdlib logging to stderr, or to another sink, in one form, masked.

    Ours are told from INFO on, the libraries' from WARNING on: at INFO they tell what nobody on call wants to read.
    """
    sink = sink or sys.stderr
    is_terminal = sink.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if is_terminal else "iso", utc=not is_terminal),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sink)
    handler.addFilter(Repeats(time.monotonic))
    handler.setFormatter(_formatter(role, shared, Redaction(secrets), is_terminal=is_terminal))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("ackline").setLevel(logging.INFO)


def _formatter(
    role: str, shared: list[structlog.typing.Processor], redact: "Redaction", *, is_terminal: bool
) -> structlog.stdlib.ProcessorFormatter:
    def name_role(_logger: object, _method: str, event: Event) -> Event:
        event["role"] = role
        return event

    form: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if is_terminal:
        form = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    # The traceback becomes text before the redaction, or it would pass by it. It holds no local variables.
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            name_role,
            redact,
            form,
        ],
    )


class Repeats(logging.Filter):
    """Lets a library say the same thing once in `QUIET_SECONDS`, and then how often it has said it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell this. What is the same is what the same line of the library's code says."""
        if record.name.partition(".")[0] == "ackline":
            return True
        place, now = (record.pathname, record.lineno), self._clock()
        since, left_out = self._said.get(place, (float("-inf"), 0))
        if now - since < QUIET_SECONDS:
            self._said[place] = (since, left_out + 1)
            return False
        self._said[place] = (now, 0)
        if left_out:
            record.left_out = left_out  # told as a field of its own
        return True


class Redaction:
    """A structlog processor that lets no secret through."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Longest first, so that a secret that begins with another is masked whole.
        self._secrets = sorted({text for text in secrets if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._beginnings = {secret[:_SHORTEST_SECRET] for secret in self._secrets}

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        """The event without secrets."""
        return {key: self._field(key, value) for key, value in event.items()}

    def _field(self, key: object, value: Any) -> Any:
        return MASK if is_secret_name(str(key)) and value is not None else self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._field(key, each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(each) for each in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))

    def _text(self, text: str) -> str:
        if self._may_hold_one(text):
            for secret in self._secrets:
                text = text.replace(secret, MASK)
        return text

    def _may_hold_one(self, text: str) -> bool:
        """Whether a secret begins in it. Whichever is less is gone through: there may be a thousand routing keys."""
        if len(self._beginnings) <= len(text):
            return any(beginning in text for beginning in self._beginnings)
        return not self._beginnings.isdisjoint(text[at : at + _SHORTEST_SECRET] for at in range(len(text)))


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is masked whatever it holds."""
    lowered = name.lower()
    return not lowered.endswith("_name") and any(word in lowered for word in SECRET_WORDS)


def secrets_of(settings: Settings) -> list[str]:
    """Every secret value of the settings."""
    return [secret.get_secret_value() for secret in _secrets_in(settings)]


def _secrets_in(value: object) -> Iterator[SecretStr]:
    if isinstance(value, SecretStr):
        yield value
    elif isinstance(value, BaseModel):
        for _, each in value:
            yield from _secrets_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)
