"""Slack and PagerDuty refuse, hang, are not there, show wrong certificates, and take what was sent without saying so."""

import asyncio

from functools import partial
from typing import Any

from faults.deployment import Surroundings
from faults.plan import KEYS
from faults.row import Act, Field, Row
from faults.verdict import Expected


_OUTAGE_SECONDS = 10.0
_ERROR_SECONDS = 2.5
_OTHERS = frozenset(KEYS) - {"infra"}

_REFUSALS = ("channel_not_found", "invalid_auth", "is_archived", "not_in_channel", "token_revoked", "msg_too_long",
             "invalid_blocks")  # fmt: skip
_PASSING = ("internal_error", "service_unavailable", "fatal_error", "ratelimited")


async def misbehave(field: Field, service: str, **fault: Any) -> None:
    """A destination goes wrong for a while."""
    behaviour = getattr(field.deployment.sandbox, service)
    behaviour.fail(**fault)
    await asyncio.sleep(_OUTAGE_SECONDS)
    behaviour.restore()


async def slack_errors(field: Field, errors: tuple[str, ...]) -> None:
    """One error after the other."""
    slack = field.deployment.sandbox.slack
    for error in errors:
        slack.faults.clear()
        slack.fail("error", error=error)
        await asyncio.sleep(_ERROR_SECONDS)
    slack.restore()


async def pagerduty_400(field: Field) -> None:
    """PagerDuty refuses every event for good for 10 s; what became a dead letter is sent by `dead-letters retry`."""
    await misbehave(field, "pagerduty", mode="error")
    await field.deployment.command("dead-letters", "retry", "--all", "--yes")


async def tls_error(field: Field) -> None:
    """Slack and PagerDuty show somebody else's certificate for 10 s."""
    way = field.deployment.way
    assert way
    assert way.tls
    for is_wrong, seconds in ((True, _OUTAGE_SECONDS), (False, 0)):
        way.tls.is_wrong = is_wrong
        way.cut()
        await asyncio.sleep(seconds)


async def both_away(field: Field) -> None:
    """Nobody listens where Slack and PagerDuty are: connections are refused for 10 s."""
    sandbox = field.deployment.sandbox
    await sandbox.__aexit__(None, None, None)
    await asyncio.sleep(_OUTAGE_SECONDS)
    await sandbox.__aenter__()


def _row(name: str, words: str, expected: Expected | None = None, **fault: Any) -> Row:
    act = partial(misbehave, service=name.partition("-")[0], **fault)
    return Row(name=name, act=_documented(act, words), expected=expected or Expected())


def _documented(act: Act, words: str) -> Act:
    act.__doc__ = words
    return act


ROWS = (
    _row("slack-500", "Slack answers 500 for 10 s", mode="status", status=500),
    _row("slack-429-retry-after", "Slack answers 429, and when to ask again", mode="status", status=429, retry_after=3),
    _row("slack-429", "Slack answers 429, and not when to ask again", mode="status", status=429),
    _row("slack-hang", "Slack answers nothing for 10 s", mode="hang"),
    _row("slack-lost-answer", "Slack takes it, and the answer is lost", mode="lose_answer"),
    Row(
        name="slack-refusals",
        act=_documented(partial(slack_errors, errors=_REFUSALS), "Slack refuses for good: what nobody saw is paged at once"),
        expected=Expected(told=False, dead_letters=None),
    ),
    Row(
        name="slack-passing-errors",
        act=_documented(partial(slack_errors, errors=_PASSING), "Slack says in its own words that it cannot just now"),
    ),
    _row("pagerduty-500", "PagerDuty answers 500 for 10 s", mode="status", status=500),
    _row(
        "pagerduty-429-retry-after", "PagerDuty answers 429, and when to ask again",
        mode="status", status=429, retry_after=3,
    ),
    _row("pagerduty-429", "PagerDuty answers 429, and not when to ask again", mode="status", status=429),
    _row("pagerduty-hang", "PagerDuty answers nothing for 10 s", mode="hang"),
    _row("pagerduty-lost-answer", "PagerDuty takes it, and the answer is lost", mode="lose_answer"),
    Row(name="pagerduty-400", act=pagerduty_400, expected=Expected(dead_letters=None, sent_by_hand=True)),
    _row(
        "pagerduty-one-key-hangs", "one routing key hangs, and the pages of the others are on time",
        Expected(on_time=_OTHERS), mode="hang", on="infra",
    ),
    _row(
        "pagerduty-one-bad-key", "one routing key is refused: its pages take the default key, the others are on time",
        Expected(on_time=_OTHERS, falls_back=frozenset({"infra"})), mode="error", on="infra",
    ),
    Row(name="tls-error", act=tls_error, surroundings=Surroundings.TLS),
    Row(name="connections-refused", act=both_away),
)  # fmt: skip
