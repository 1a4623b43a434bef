"""What must hold for the code as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from tradershub.checks import broken_names, names_in
from tradershub.core.registry import Registry

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
FOLDERS = CONFIG["root_packages"]


def sources():
    """Each module's dotted name and file."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


def registries():
    for name, path in sources():
        if "Registry(" not in path.read_text(encoding="utf-8"):
            continue
        for attribute, value in vars(import_module(name)).items():
            if isinstance(value, Registry):
                yield from (
                    pytest.param(value, key, id=f"{name}.{attribute}.{key}") for key in value
                )


def test_the_import_contract_holds():
    code = "from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_module_at_the_top_is_outside_the_contract():
    layers = {name for row in CONFIG["contracts"][0]["layers"] for name in names_of(row)}
    top = {name for name, _ in sources() if name.startswith("tradershub.") and name.count(".") == 1}
    assert top <= layers


def names_of(layer):
    return [name.strip(" ()\n") for name in re.split("[|:]", layer)]


def test_a_layer_names_whole_modules():
    assert names_of("tradershub.apps | (tradershub.checks)") == [
        "tradershub.apps",
        "tradershub.checks",
    ]


@pytest.mark.parametrize(("registry", "key"), list(registries()))
def test_every_entry_of_a_registry_resolves(registry, key):
    assert registry.load(key) is not None


def test_every_name_handed_to_the_queue_resolves():
    assert broken_names() == []


def test_a_wrong_name_would_be_found():
    source = 'queue.enqueue("accounts.tasks.no_such_thing", 1); enqueue("plain")'
    assert list(names_in(source)) == ["accounts.tasks.no_such_thing"]


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_app_says_what_it_owns_and_refuses():
    for config in apps.get_app_configs():
        if config.name in FOLDERS:
            assert config.module.__doc__, f"{config.name}/__init__.py says nothing"
