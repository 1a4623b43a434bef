"""Backup and restore: one sealed file with the database, the files and what proves them complete.

The archive is sealed with the field key, which is not in it: keep the key apart from the backups.
"""

from tradershub.backup.archive import Manifest, Restored, create, restore

__all__ = ["Manifest", "Restored", "create", "restore"]
