"""Processes die, are stopped, freeze, and come and go."""

import asyncio
import signal

from functools import partial

from ackline.roles import ROLES
from faults.row import Act, Field, Row
from faults.verdict import Expected


STRIKES = 20
_DEATHS_REMEMBERED = 3
_FREEZE_SECONDS = 60.0
_TAKEOVER_SECONDS = 15.0


async def struck(field: Field, role: str, how: signal.Signals) -> None:
    """The role is struck again and again: at any moment of its start, or when it has worked for a while."""
    for number in range(field.rounds):
        pid = await field.deployment.signal(role, how)
        if number % 2:
            await field.deployment.until_another(role, pid)
            await asyncio.sleep(field.choose.uniform(0, 8))
        else:
            await field.deployment.until_ready(role, not_pid=pid)
            await asyncio.sleep(field.choose.uniform(2, 6))
        if number % _DEATHS_REMEMBERED == _DEATHS_REMEMBERED - 1:
            await field.deployment.renew(role)
    await field.deployment.until_ready(role)


def _striking(role: str, how: signal.Signals, words: str) -> Act:
    act = partial(struck, role=role, how=how)
    act.__doc__ = words
    return act


async def one_of_two(field: Field, role: str) -> None:
    """One of two is killed and not started again."""
    second = field.deployment.start_another(role)
    await asyncio.sleep(_TAKEOVER_SECONDS)
    second.kill()
    await asyncio.sleep(_TAKEOVER_SECONDS)


def _one_of_two(role: str) -> Act:
    act = partial(one_of_two, role=role)
    act.__doc__ = f"kill -9 of one of two {role}; nobody starts it again"
    return act


async def freeze_streams(field: Field) -> None:
    """One of two streams workers is stopped (SIGSTOP) for 60 s, long after its partitions are the other's, and goes on."""
    second = field.deployment.start_another("streams")
    await asyncio.sleep(_TAKEOVER_SECONDS)
    second.send_signal(signal.SIGSTOP)
    await asyncio.sleep(_FREEZE_SECONDS)
    second.send_signal(signal.SIGCONT)
    await asyncio.sleep(_TAKEOVER_SECONDS)


async def rebalance_storm(field: Field) -> None:
    """A second streams worker comes and goes every few seconds, politely or not."""
    for number in range(field.rounds):
        second = field.deployment.start_another("streams")
        await asyncio.sleep(field.choose.uniform(2.5, 6))
        second.send_signal(signal.SIGKILL if number % 3 == 2 else signal.SIGTERM)
        await asyncio.sleep(field.choose.uniform(0, 2))


ROWS = (
    *[
        Row(name=f"{name}-{role}", act=_striking(role, how, f"{words} of {role}"), rounds=STRIKES)
        for role in ROLES
        for name, how, words in (("kill", signal.SIGKILL, "kill -9"), ("stop", signal.SIGTERM, "SIGTERM"))
    ],
    *[
        Row(name=f"kill-one-of-two-{role}", act=_one_of_two(role), expected=Expected(latest_seconds=30))
        for role in ("streams", "notifiers")
    ],
    Row(name="freeze-streams", act=freeze_streams, expected=Expected(latest_seconds=30)),
    Row(name="rebalance-storm", act=rebalance_storm, rounds=8),
)
