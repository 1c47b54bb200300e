"""Renders the configured Jinja2 template, within bounds: what goes wrong is `TemplateFailed`, and never an alert lost.

Alert data is data to the template, never source. The sandbox keeps a template from reaching into Python; the bounds
keep a template that some alert sends astray from taking the notifier with it. Values are escaped as they are put in:
Slack's three characters, so that no label can mention a channel or disguise a link.
"""

import asyncio
import queue
import threading
import time
import traceback

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment


MAX_CHARACTERS: Final = 40_000
"""Where Slack itself cuts a text (https://docs.slack.dev/reference/methods/chat.postMessage)."""

MAX_SECONDS: Final = 1.0
"""How long one rendering may take between its first piece and its last. A usual one takes a tenth of a millisecond."""

HUNG_SECONDS: Final = 5.0
"""After this long without an answer the template is given up until a restart: a thread cannot be stopped."""


class TemplateFailed(Exception):  # noqa: N818  # It reads as what happened.
    """The template cannot be used. The message says where and why, in words for whoever wrote the template."""


class Template:
    """One template, compiled. Rendering runs in a thread of its own, so that the loop goes on whatever it does."""

    def __init__(self, source: str, name: str) -> None:
        """Compile it.

        Raises:
            TemplateFailed: it is no Jinja2.
        """
        self.name = name
        try:
            self._compiled = _ENVIRONMENT.from_string(source)
        except TemplateSyntaxError as problem:
            raise TemplateFailed(f"{name}, line {problem.lineno}: {problem.message}") from None
        except (TemplateError, RecursionError, ValueError) as problem:
            raise TemplateFailed(f"{name}: {problem}") from None
        self._thread = _RenderThread()
        self._hung = False

    async def render(self, context: dict[str, Any]) -> str:
        """The message's text, in Slack's mrkdwn.

        Raises:
            TemplateFailed: it raised, it says nothing, or it took too long or too much.
        """
        if self._hung:
            raise TemplateFailed(f"{self.name}: is off since it hung; mend it and restart the notifiers")
        answer = asyncio.wrap_future(self._thread.submit(lambda: self._rendered(context)))
        try:
            return await asyncio.wait_for(answer, HUNG_SECONDS)
        except TimeoutError:
            self._hung = True
            raise TemplateFailed(f"{self.name}: gave no answer within {HUNG_SECONDS:g} s") from None

    def _rendered(self, context: dict[str, Any]) -> str:
        try:
            text = self._bounded(context)
        except TemplateFailed:
            raise
        except Exception as problem:  # noqa: BLE001  # A template can raise whatever an expression can.
            raise TemplateFailed(f"{self.name}{_line_of(problem)}: {problem or type(problem).__name__}") from None
        if not text.strip():
            raise TemplateFailed(f"{self.name}: says nothing for this alert")
        return text.strip()

    def _bounded(self, context: dict[str, Any]) -> str:
        pieces: list[str] = []
        length, deadline = 0, time.monotonic() + MAX_SECONDS
        for piece in self._compiled.generate(context):
            pieces.append(piece)
            length += len(piece)
            if length > MAX_CHARACTERS:
                break
            if time.monotonic() > deadline:
                raise TemplateFailed(f"{self.name}: took longer than {MAX_SECONDS:g} s")
        return _unquoted("".join(pieces)[:MAX_CHARACTERS])


def load_template(path: Path) -> Template:
    """The template in a file.

    Raises:
        TemplateFailed: it cannot be read, or is no Jinja2.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "is no UTF-8 text"
        raise TemplateFailed(f"{path}: {reason}") from None
    return Template(source, str(path))


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, in which `alert.values` is the alert's key before it is a method of dictionaries."""

    intercepted_binops = frozenset({"*", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        # `"#" * alert.value` must not take all memory because an alert's value is large.
        sized = [value for value in (left, right) if not isinstance(value, int | float)]
        factor = next((value for value in (right, left) if isinstance(value, int)), 0)
        if operator == "**" or any(len(value) * factor > MAX_CHARACTERS for value in sized):
            raise OverflowError(f"the result of {operator} would be too large")
        return super().call_binop(context, operator, left, right)


# Jinja's own escaping knows what was escaped already (macros, `set` blocks, `safe`), which a `finalize` would not.
_ENVIRONMENT = _Environment(undefined=StrictUndefined, autoescape=True)


def _unquoted(text: str) -> str:
    # HTML's escaping has two characters more than Slack's, which would show them as they are written.
    return text.replace("&#39;", "'").replace("&#34;", '"')


def _line_of(problem: Exception) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == "<template>"]
    return f", line {lines[-1]}" if lines else ""


class _RenderThread:
    """One thread that does one thing after another, and does not keep the process from ending."""

    # A ThreadPoolExecutor would wait at exit for a rendering that hangs.

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], str], Future[str]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="render", daemon=True).start()

    def submit(self, work: Callable[[], str]) -> Future[str]:
        answer: Future[str] = Future()
        self._work.put((work, answer))
        return answer

    def _run(self) -> None:
        while True:
            work, answer = self._work.get()
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(work())
            except BaseException as problem:  # noqa: BLE001  # Whoever waits is to hear of it, whatever it is.
                answer.set_exception(problem)
