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
from streams.records.dead_letter import Origin, origin_of


SHOWN_CHARACTERS = 10_000
"""Of a value. Enough for any alert that a person could read."""

_REASON_CHARACTERS = 120
_TOPIC_CHARACTERS = 100
_LATEST_MS = 253_402_300_799_000
"""The last second of the year 9999, the last that can be shown."""
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
        yield f"when       {_time(record.timestamp):%Y-%m-%d %H:%M:%S} UTC"
        yield f"from       {self._from(origin)}"
        yield f"reason     {self.line(origin.reason)}"
        yield f"tries      {origin.tries}"
        yield f"key        {self.line(_text(record.key)) if record.key is not None else '(none)'}"
        for name, content in record.headers:
            yield f"header     {self.line(f'{name}: {_text(content)}')}"
        kind, text = self._body(value)
        yield f"value      {len(value):,} bytes, {kind}"
        yield ""
        yield text[:SHOWN_CHARACTERS]
        if len(text) > SHOWN_CHARACTERS:
            yield f"… and {len(text) - SHOWN_CHARACTERS:,} more characters"

    def line(self, text: str, longest: int = 1_000) -> str:
        """One line of words that somebody else may have written."""
        safe = self._safe(redacted(printable(text)))
        return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"

    def _row(self, letter: Summary, is_retried: bool) -> tuple[str, ...]:
        return (
            str(letter.place),
            f"{_time(letter.at_ms):%Y-%m-%d %H:%M:%S}",
            self._from(letter.origin),
            f"{letter.size:,}",
            str(letter.origin.tries),
            ("written back; was: " if is_retried else "") + self.line(letter.origin.reason, _REASON_CHARACTERS),
        )

    def _object(self, letter: Summary, is_retried: bool) -> dict[str, Any]:
        origin = letter.origin
        return {
            "place": str(letter.place),
            "at": _time(letter.at_ms).isoformat(timespec="milliseconds"),
            "topic": self._safe(origin.topic),
            "partition": origin.partition,
            "offset": origin.offset,
            "reason": self._safe(redacted(origin.reason)),
            "size": letter.size,
            "tries": origin.tries,
            "retried_from": self._safe(origin.retried_from) or None,
            "cut": origin.is_cut,
            "written_back": is_retried,
        }

    def _from(self, origin: Origin) -> str:
        if not origin.topic:
            return "(not said)"
        partition, offset = ("?" if number is None else number for number in (origin.partition, origin.offset))
        return f"{self.line(origin.topic, _TOPIC_CHARACTERS)} {partition}:{offset}"

    def _body(self, value: bytes) -> tuple[str, str]:
        try:
            pretty = json.dumps(redacted(json.loads(value)), indent=2, ensure_ascii=False)
        # No JSON, no UTF-8, or nested too deep.
        except (ValueError, RecursionError):
            return "no JSON", self._safe(redacted(printable(_text(value))))
        return "JSON", self._safe(printable(pretty, keep="\n"))

    def _safe(self, text: str) -> str:
        masked: str = self._redaction(None, "", {"shown": text})["shown"]
        return masked


def printable(text: str, keep: str = "") -> str:
    """The text with everything but letters, signs and spaces escaped: no line break and no command for a terminal."""
    return "".join(each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text)


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="backslashreplace")


def _time(at_ms: int) -> datetime:
    # Whoever writes a record says when that was, and may say anything.
    return datetime.fromtimestamp(min(max(at_ms, 0), _LATEST_MS) / 1000, UTC)
