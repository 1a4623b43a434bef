"""What judges the hub shares no code with it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ALONE = ("broker.py", "checker.py", "proxy.py", "world.py", "run.py", "arming.py")
OURS = {
    "tradershub",
    "brokers",
    "accounts",
    "strategies",
    "risk",
    "trading",
    "simulation",
    "django",
}


@pytest.mark.parametrize("name", ALONE)
def test_what_judges_the_hub_shares_no_code_with_it(name):
    found = set()
    for node in ast.walk(ast.parse((FOLDER / name).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    assert not found & OURS


def test_the_checker_stands_alone():
    tree = ast.parse((FOLDER / "checker.py").read_text())
    names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    strange = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert strange == {"psycopg"}
