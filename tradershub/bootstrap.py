"""From a bare Python to a running, tested or checked hub. Standard library only.

    python -m tradershub.bootstrap run [--port N] [--host ADDRESS] [--no-demo]
    python -m tradershub.bootstrap sandbox [--port N] [--data FOLDER]
    python -m tradershub.bootstrap test [pytest's arguments]
    python -m tradershub.bootstrap check
    python -m tradershub.bootstrap bench [arguments]
    python -m tradershub.bootstrap faults [N=2000] [SEED=7] [DATABASE=sqlite|postgresql|both]

Makes .venv beside the code, installs the pinned requirements when they have changed, and goes on
with that environment's own Python. `make` calls it; it does the same in PowerShell.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
OLDEST, NEWEST = (3, 11), (3, 13)
RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: Sequence[str]) -> int:
    refuse_other_pythons()
    tasks = {
        "run": run, "sandbox": sandbox, "test": test, "check": check, "bench": bench, "faults": faults,
    }  # fmt: skip
    what, *rest = arguments or [""]
    if what not in tasks:
        sys.exit(f'There is no "{what}"; expected one of {", ".join(tasks)}.')
    os.chdir(ROOT)
    return tasks[what](rest)


# -- What can be asked for ---------------------------------------------------------------------
def run(arguments: list[str]) -> int:
    """Install, then become the hub, which makes everything else ready."""
    install(RUNTIME)
    return become("manage.py", "hub", "--prepare", *arguments)


def sandbox(arguments: list[str]) -> int:
    """Install, then become a hub with simulated platforms that nothing leaves."""
    install(RUNTIME)
    return become("manage.py", "sandbox", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests that this machine can pass, and say which were left out and why."""
    install(DEVELOPMENT)
    left_out = missing_parts()
    parallel = [] if any(word.startswith("-n") for word in arguments) else parallel_words()
    marks = [f"not {mark}" for mark in ("browser", "processes") if mark in left_out]
    unwanted = ["-m", " and ".join(marks)] if marks else []
    status = call("-m", "pytest", *parallel, *unwanted, *arguments)
    for reason in left_out.values():
        print(f"Left out: {reason}", file=sys.stderr)
    return status


def check(arguments: list[str]) -> int:
    """Format, lint, types, import contract, migrations, deployment settings; all of them, always."""
    install(DEVELOPMENT)
    with tempfile.TemporaryDirectory() as data:
        live = {"HTTPS": "1", "DATABASE_URL": "", "TRADERSHUB_DATA": data}
        failed = [name for name, words in CHECKS.items() if call(*words, extra=live)]
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    """Measure against the budgets."""
    install(DEVELOPMENT)
    return call("-m", "benchmarks", *arguments)


def faults(arguments: list[str]) -> int:
    """Trade while everything is broken at random, and tell what was lost, duplicated or guessed."""
    install(DEVELOPMENT)
    return call("-m", "tests.faults.run", *arguments)


CHECKS = {
    "format": ("-m", "ruff", "format", "--check", "."),
    "lint": ("-m", "ruff", "check", "."),
    "types": ("-m", "mypy"),
    "import contract": ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    "missing migrations": ("manage.py", "makemigrations", "--check", "--dry-run"),
    "deployment": ("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
}


# -- The environment ---------------------------------------------------------------------------
def refuse_other_pythons() -> None:
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"TradersHub needs Python 3.11, 3.12 or 3.13; this one is {found}.")


def install(requirements: str) -> None:
    """Have .venv hold what the file pins; nothing happens when it does already."""
    make_environment()
    wanted, stamps = fingerprint(requirements), read_stamps()
    if stamps.get(requirements) == wanted:
        return
    print(f"Installing {requirements} ...", file=sys.stderr)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
    if call(*pip):
        sys.exit(f"Could not install {requirements}: see pip's message above.")
    stamps[requirements] = wanted
    if requirements == DEVELOPMENT:
        stamps[RUNTIME] = fingerprint(RUNTIME)
    STAMP.write_text(json.dumps(stamps), encoding="utf-8")


def make_environment() -> None:
    if python().exists():
        return
    print("Making the environment .venv ...", file=sys.stderr)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("Could not make .venv; on Debian and Ubuntu install the package python3-venv.")


def python() -> Path:
    """The environment's own interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(requirements: str) -> str:
    """Of the pins and the Python they were installed for; the runtime's belong to both."""
    digest = hashlib.sha256(sys.version.encode())
    for name in sorted({RUNTIME, requirements}):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def read_stamps() -> dict[str, str]:
    if not STAMP.exists():
        return {}
    return dict(json.loads(STAMP.read_text(encoding="utf-8")))


# -- Running -----------------------------------------------------------------------------------
def call(*words: str, extra: dict[str, str] | None = None) -> int:
    """Run the environment's Python with these words; returns its exit status."""
    environment = os.environ | (extra or {})
    if environment.get("DATABASE_URL") == "":
        del environment["DATABASE_URL"]
    return subprocess.run([str(python()), *words], check=False, env=environment).returncode


def become(*words: str) -> int:
    """Hand over for good, so that Ctrl-C and signals reach the hub alone."""
    command = [str(python()), *words]
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    with subprocess.Popen(command) as hub:
        return wait_through_interrupts(hub)


def wait_through_interrupts(hub: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return hub.wait()
        except KeyboardInterrupt:
            continue  # the hub has heard it too, and is stopping


def parallel_words() -> list[str]:
    """A worker more than processors, for tests of processes wait much; who is done takes from who is not."""
    workers = min(8, (os.cpu_count() or 1) + 1)
    return ["-n", str(workers), "--dist", "worksteal"]


def missing_parts() -> dict[str, str]:
    """What some tests need and this machine has not: its name and a sentence."""
    left_out = {}
    if not browser():
        left_out["browser"] = "tests in a browser, for there is no Chromium (or set CHROMIUM)."
    if sys.platform == "win32":
        left_out["processes"] = "tests that stop the hub by a signal, for Windows has none."
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        left_out["postgresql"] = "tests of PostgreSQL, for DATABASE_URL names none."
    if not os.environ.get("TRADERSHUB_STATEMENTS"):
        left_out["statements"] = "tests on real statements, for TRADERSHUB_STATEMENTS is not set."
    return left_out


def browser() -> str | None:
    """The Chromium to test with: the one named by CHROMIUM, else the first one on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in BROWSERS if (found := shutil.which(name))), None)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
