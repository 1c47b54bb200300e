"""The sandbox as a server: inside of a test or the demo with `async with Sandbox()`, or alone with `main`."""

import asyncio
import contextlib
import signal
import socket
import sys

from collections.abc import Callable, Collection, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.app import create_app
from sandbox.behaviour import Behaviour
from sandbox.pagerduty import Event, Incident
from sandbox.slack import TOKEN, Message
from sandbox.state import State


T = TypeVar("T")


class _Protocol(HttpToolsProtocol):
    """Gives each request its connection, so that a fault can cut it; ASGI itself has no word for that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class _Server(Server):
    """Leaves the process's signal handlers alone: they belong to whoever started the sandbox."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket. It names its protocol, without which asyncio leaves out TCP_NODELAY and answers wait 40 ms."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


class Sandbox:
    """Both stand-ins on one port of this machine, for as long as the context lasts."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = TOKEN,
        channels: Collection[str] | None = None,
        keys: Mapping[str, str] | None = None,
        only_known_keys: bool = False,
    ) -> None:
        """`channels` are those that exist, None all whose id begins with C; `keys` are routing keys by their names."""
        self._state = State(token=token, channels=channels, keys=keys, only_known_keys=only_known_keys)
        self._address = (host, port)
        self._running: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The page."""
        host, port = self._address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def slack_api_url(self) -> str:
        """For `alert.slack.api_url`."""
        return f"{self.url}/slack/api"

    @property
    def pagerduty_url(self) -> str:
        """For `oncall.pagerduty.events_url`."""
        return f"{self.url}/pagerduty"

    @property
    def slack(self) -> Behaviour:
        """How Slack misbehaves, and the calls it has had."""
        return self._state.slack

    @property
    def pagerduty(self) -> Behaviour:
        """How PagerDuty misbehaves, and the calls it has had."""
        return self._state.pagerduty

    @property
    def slack_messages(self) -> list[Message]:
        """Every message as it is now, thread answers included, in the order in which they were posted."""
        return self._state.workspace.messages

    @property
    def pagerduty_events(self) -> list[Event]:
        """Every accepted event, in the order in which they came."""
        return list(self._state.account.events)

    @property
    def pagerduty_incidents(self) -> list[Incident]:
        """Every incident; each notified somebody once, when it was opened."""
        return self._state.account.incidents

    def reset(self) -> None:
        """Forget everything that came, and behave again."""
        self._state.reset()

    async def wait_for(
        self,
        predicate: Callable[[], T],
        timeout: float = 10,  # noqa: ASYNC109  # The error tells what has arrived; `asyncio.timeout` could not.
        description: str = "a condition",
    ) -> T:
        """What the predicate returns as soon as that is true; a `TimeoutError` that tells what has arrived instead."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not (result := predicate()):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"Waited {timeout:g} s for {description}.\n{self._arrived()}")
            await asyncio.sleep(0.01)
        return result

    async def __aenter__(self) -> Self:
        host, port = self._address
        listener = _listener(host, port)
        self._address = (host, listener.getsockname()[1])
        config = Config(create_app(self._state), http=_Protocol, ws="none", lifespan="off", log_config=None,
                        log_level="warning", access_log=False, proxy_headers=False,
                        timeout_graceful_shutdown=2)  # fmt: skip
        self._server = _Server(config)
        self._running = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not (self._server.started or self._running.done()):  # noqa: ASYNC110  # Uvicorn has no event for it.
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for behaviour in (self.slack, self.pagerduty):
            behaviour.restore()
        self._server.should_exit = True
        if self._running:
            await self._running

    def _arrived(self) -> str:
        messages = [f"  Slack {message.channel}: {message.text[:100]!r}" for message in self.slack_messages[-10:]]
        events = [
            f"  PagerDuty {event.key_name}: {event.event_action} {event.dedup_key}, {event.effect}"
            for event in self.pagerduty_events[-10:]
        ]
        calls = [*self.slack.calls, *self.pagerduty.calls]
        refused = [f"  {call.method}: {call.outcome}" for call in calls if call.outcome != "ok"]
        return "\n".join(["What has arrived (latest):", *(messages + events + refused[-10:] or ["  nothing"])])


def main(port: int, host: str = "127.0.0.1", *, keys: Mapping[str, str] | None = None) -> int:
    """Run the stand-ins until they are told to stop; the process's exit code."""
    try:
        asyncio.run(_serve(Sandbox(host=host, port=port, keys=keys)))
    except OSError as error:
        reason = error.strerror or error
        print(f"The sandbox cannot listen on {host}:{port} ({reason}). Choose another --port.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(sandbox: Sandbox) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sandbox:
        print(_welcome(sandbox), flush=True)  # noqa: T201  # What the command is for.
        await stop.wait()


def _welcome(sandbox: Sandbox) -> str:
    return f"""Stand-in Slack and PagerDuty: {sandbox.url}

In the config file:
  alert.slack.api_url: {sandbox.slack_api_url}
  alert.slack.token: {TOKEN}
  alert.slack.channel_id: any that begins with C
  oncall.pagerduty.events_url: {sandbox.pagerduty_url}
  oncall.pagerduty.routing_key: any 32 letters and digits

Ctrl-C stops it."""
