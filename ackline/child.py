"""Ties the life of a child process to ours, so that killing us leaves nothing running."""

import ctypes
import os
import signal
import sys

from collections.abc import Callable


_PR_SET_PDEATHSIG = 1


def dies_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program, so that the kernel signals it when its parent is gone. Linux only.

    The kernel watches the parent's *thread*, so children are to be started from a thread that lives as long as we do.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: loading after it could deadlock
    parent = os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_the_kernel
