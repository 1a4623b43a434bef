"""What Windows has not, no module of ours may want when it is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Libraries are made for one system each and are imported as they are; then Unix is taken away.
AS_IF_ON_WINDOWS = """
import asyncio, importlib, multiprocessing.pool, multiprocessing.sharedctypes, os, pkgutil, signal
import socketserver, subprocess, sys, tempfile, types
import granian, lxml.etree, psutil, psycopg

for name in ("resource", "fcntl", "pwd", "grp", "termios", "syslog"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = "win32"
for name in ("fork", "killpg", "getuid", "geteuid", "getgid", "register_at_fork", "setsid"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGCHLD"):
    delattr(signal, name)

import django

django.setup()
for top in ("tradershub", "brokers", "accounts"):
    package = importlib.import_module(top)
    for found in pkgutil.walk_packages(package.__path__, f"{top}."):
        if ".migrations" not in found.name:
            importlib.import_module(found.name)
            print(found.name)
"""


def test_every_module_is_imported_without_what_only_unix_has(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AS_IF_ON_WINDOWS],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tradershub.settings", "TRADERSHUB_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert {"tradershub.soleness", "tradershub.supervisor", "tradershub.member"} <= set(
        done.stdout.split()
    )
