"""Chooses ports on the loopback address: yesterday's where they are still free, else new ones.

Keeping the ports between runs lets a console or a consumer that somebody left open find the broker again.
"""

import socket

from collections.abc import Iterable, Mapping


LOOPBACK = "127.0.0.1"


def choose_ports(names: Iterable[str], remembered: Mapping[str, int]) -> dict[str, int]:
    """A port for each name, all different: the remembered one where it is free, else any free one."""
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        while port is None or port in chosen.values() or not is_free(port):
            port = _any_free_port()
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen there now. A port in TIME_WAIT counts as free, as it does for the servers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
