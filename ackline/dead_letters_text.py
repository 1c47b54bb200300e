"""Dead letters as people and scripts read them. They are other people's bytes: what is shown of them is bounded, holds
no character that a terminal would obey, and no secret, by the same rules as a log.
"""

import json

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from ackline.dead_letters import Listing, Place, Summary
from ackline.logs import Redaction
from ingest.redact import redacted
from streams.records.dead_letter import origin_of


SHOWN_CHARACTERS = 10_000
"""Of a value. Enough for any alert that a person could read."""

_LINE_CHARACTERS = 120
_COLUMNS = ("PLACE", "WHEN (UTC)", "FROM", "SIZE", "TRIES", "REASON")


class Teller:
    """Tells of dead letters without the secrets of this deployment."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._redaction = Redaction(secrets)

    def table(self, found: Listing) -> Iterator[str]:
        """A line for each letter, in columns, below the columns' names."""
        rows = [_COLUMNS, *(self._row(letter, letter.place in found.retried) for letter in found.letters)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
        for row in rows:
            yield "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]])

    def as_json(self, found: Listing) -> str:
        """The same for scripts."""
        return json.dumps([self._object(letter, letter.place in found.retried) for letter in found.letters], indent=2)

    def shown(self, record: Any) -> Iterator[str]:
        """All of one letter, in lines."""
        origin, value = origin_of(record.headers), record.value or b""
        yield f"place      {Place(record.partition, record.offset)}"
        yield f"when       {_time(record.timestamp)} UTC"
        yield f"from       {_from(origin.topic, origin.partition, origin.offset)}"
        yield f"reason     {self._line(origin.reason)}"
        yield f"tries      {origin.tries}"
        yield f"key        {self._line(_text(record.key)) if record.key is not None else '(none)'}"
        for name, content in record.headers:
            yield f"header     {self._line(f'{name}: {_text(content)}')}"
        kind, text = self._body(value)
        yield f"value      {len(value):,} bytes, {kind}"
        yield ""
        yield text[:SHOWN_CHARACTERS]
        if len(text) > SHOWN_CHARACTERS:
            yield f"… and {len(text) - SHOWN_CHARACTERS:,} more characters"

    def line(self, text: str) -> str:
        """Words that may hold what somebody else wrote."""
        return self._line(text, longest=1_000)

    def _row(self, letter: Summary, is_retried: bool) -> tuple[str, ...]:
        origin = letter.origin
        return (
            str(letter.place),
            _time(letter.at_ms),
            _from(origin.topic, origin.partition, origin.offset),
            f"{letter.size:,}",
            str(origin.tries),
            ("written back; was: " if is_retried else "") + self._line(origin.reason, longest=_LINE_CHARACTERS),
        )

    def _object(self, letter: Summary, is_retried: bool) -> dict[str, Any]:
        origin = letter.origin
        return {
            "place": str(letter.place),
            "at": datetime.fromtimestamp(letter.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
            "reason": self._safe(origin.reason),
            "size": letter.size,
            "tries": origin.tries,
            "retried_from": origin.retried_from or None,
            "cut": origin.is_cut,
            "written_back": is_retried,
        }

    def _body(self, value: bytes) -> tuple[str, str]:
        try:
            parsed = self._safe(redacted(json.loads(value)))
            pretty = json.dumps(parsed, indent=2, ensure_ascii=False)
        # No JSON, no UTF-8, or nested too deep.
        except (ValueError, RecursionError):
            return "no JSON", self._safe(redacted(printable(_text(value))))
        return "JSON", printable(pretty, keep="\n")

    def _line(self, text: str, longest: int = SHOWN_CHARACTERS) -> str:
        safe = self._safe(redacted(printable(text)))
        return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"

    def _safe(self, value: Any) -> Any:
        return self._redaction(None, "", {"shown": value})["shown"]


def printable(text: str, keep: str = "") -> str:
    """The text with everything but letters, signs and spaces escaped: no line break and no command for a terminal."""
    return "".join(each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text)


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="backslashreplace")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _from(topic: str, partition: int | None, offset: int | None) -> str:
    if not topic:
        return "(not said)"
    return f"{printable(topic)[:100]} {'?' if partition is None else partition}:{'?' if offset is None else offset}"
