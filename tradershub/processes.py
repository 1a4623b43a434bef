"""Ends process groups, on systems that have them and on those that do not."""

from __future__ import annotations

import os
import signal

import psutil


def kill_tree(pid: int) -> None:
    """Kill a group leader with its whole group, or, where there are none, with its descendants."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        return
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in reversed(family):
        kill_quietly(process)


def kill_quietly(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
