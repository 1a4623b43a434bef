"""What is in a backup, and the order in which a restore trusts it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from tradershub.backup import databases
from tradershub.backup.sealed import SealedReader, SealingWriter
from tradershub.core import audit
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry, Heartbeat
from trading import in_doubt

MANIFEST, DATABASE, FILES = "manifest.json", "database", "files"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What proves a restored database complete."""

    created_at: str
    vendor: str
    migrations: list[str]
    rows: dict[str, int]
    head: tuple[int, str]  # of the audit chain


@dataclass(frozen=True, slots=True)
class Restored:
    """What the backup said, what is wrong now, and where the damaged database lies that was there."""

    manifest: Manifest
    faults: list[str]
    set_aside: Path | None = None


# -- Backup ------------------------------------------------------------------------------------
def create(path: Path) -> Manifest:
    """Write a sealed backup to that file. Raises BadInput when a tool is missing or fails."""
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        copy = Path(folder) / DATABASE
        seq, digest = audit.head()
        manifest = Manifest(
            created_at=timezone.now().isoformat(),
            vendor=connection.vendor,
            migrations=applied_migrations(),
            rows=databases.dump(copy),
            head=(seq, digest),
        )
        draft = path.with_name(f"{path.name}.part")
        try:
            write(draft, manifest=manifest, copy=copy)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return manifest


def write(path: Path, *, manifest: Manifest, copy: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        sealing = SealingWriter(file, key=settings.FIELD_KEYS[0])
        stream = cast(BinaryIO, sealing)
        with tarfile.open(fileobj=stream, mode="w|gz") as archive:
            add_text(archive, MANIFEST, json.dumps(dataclasses.asdict(manifest)))
            archive.add(copy, DATABASE)
            if Path(settings.MEDIA_ROOT).exists():
                archive.add(settings.MEDIA_ROOT, FILES)
        sealing.close()
        file.flush()
        os.fsync(file.fileno())


def add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8")
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def applied_migrations() -> list[str]:
    loader = MigrationLoader(connection)
    return sorted(f"{app}.{name}" for app, name in loader.applied_migrations)


# -- Restore -----------------------------------------------------------------------------------
def restore(path: Path, *, force: bool = False) -> Restored:
    """Put the backup in the place of the database.

    Raises Conflict while a hub runs, or where there are books and `force` is not given; BadInput
    for a file that is not a whole backup of this kind of database. Nothing has changed then.
    """
    refuse_while_running()
    if not force:
        refuse_over_books()
    stamp = timezone.now().strftime("%Y%m%d-%H%M%S")
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        manifest = unpack(path, Path(folder))
        refuse_unfit(manifest)
        damaged = databases.load(Path(folder) / DATABASE, stamp=stamp)
        put_files_back(Path(folder) / FILES)
    faults = compare(manifest.rows)
    call_command("migrate", verbosity=0, interactive=False)
    Session.objects.all().delete()
    Heartbeat.objects.all().delete()  # of the hub that made the backup; none runs here
    audit.renew_anchor(stamp=stamp)
    faults += [f.sentence for f in audit.verify(noted=noted_head(manifest))]
    held = in_doubt.hold_after_restore()
    details = {"faults": faults, "held": held, "damaged": damaged.name if damaged else ""}
    audit.record("backup.restore", actor="restore", target=path.name, details=details)
    return Restored(manifest, faults, damaged)


def noted_head(manifest: Manifest) -> dict[int, str]:
    seq, digest = manifest.head
    return {seq: digest} if seq else {}


def refuse_while_running() -> None:
    since = timezone.now() - dt.timedelta(seconds=settings.HEARTBEAT_LIMIT)
    try:
        running = Heartbeat.objects.filter(name__contains="@", at__gt=since).exists()
    except DatabaseError:
        return  # no tables yet
    if running:
        raise Conflict("The hub is running; stop it, and wait a minute if it was killed")


def refuse_over_books() -> None:
    try:
        kept = get_user_model().objects.count() + AuditEntry.objects.count()
    except (OperationalError, ProgrammingError):
        return  # no tables yet
    except DatabaseError as error:
        raise Conflict(
            f"The database is damaged ({error}); with --force the backup takes its place"
        ) from error
    if kept:
        raise Conflict("The database is not empty; with --force the backup takes its place")


def refuse_unfit(manifest: Manifest) -> None:
    if manifest.vendor != connection.vendor:
        raise BadInput(
            f"The backup is of a {manifest.vendor} database, this one is {connection.vendor}"
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.migrations) - known):
        raise BadInput(
            f"The backup comes from a later version (it has {unknown[-1]}); upgrade the hub first"
        )


def unpack(path: Path, folder: Path) -> Manifest:
    """Everything into the folder, checked to its last byte before anything is touched."""
    if not path.exists():
        raise BadInput(f"There is no file {path}")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; expected the file of a backup")
    try:
        with path.open("rb") as file:
            stream: Any = SealedReader(file, keys=settings.FIELD_KEYS)
            with tarfile.open(fileobj=stream, mode="r|gz") as archive:
                archive.extractall(folder, filter="data")
            stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadInput(f"The backup cannot be unpacked: {error}") from error
    values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return Manifest(**values | {"head": tuple(values["head"])})


def put_files_back(folder: Path) -> None:
    """The files of the backup; those that are here and not in it stay."""
    for source in folder.rglob("*") if folder.exists() else ():
        target = Path(settings.MEDIA_ROOT) / source.relative_to(folder)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)


def compare(expected: dict[str, int]) -> list[str]:
    """A sentence for each table that has not the rows the backup had."""
    found = databases.count_rows()
    return [
        f"{table} has {found.get(table, 'no')} rows; the backup had {count}"
        for table, count in expected.items()
        if found.get(table) != count
    ]
