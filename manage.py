#!/usr/bin/env python
"""The command line of TradersHub."""

import errno
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError, InternalError, OperationalError

from tradershub import sandbox
from tradershub.core.private import write_for_owner_only

DAMAGE = (DatabaseError, InternalError)  # these very ones: what SQLite and PostgreSQL raise for it
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradershub.settings")
    write_for_owner_only()
    if sandbox.is_asked_for(sys.argv[1:]):
        sandbox.prepare_environment(sys.argv[2:])
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"TradersHub cannot start: {error}")
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"The database does not answer: {' '.join(str(error).split())}")
    except DatabaseError as error:
        if "--traceback" in sys.argv or type(error) not in DAMAGE:
            raise
        sys.exit(
            f"The database is damaged: {' '.join(str(error).split())}. Put the last good backup in its "
            "place: manage.py restore --force FILE."
        )
    except OSError as error:
        if "--traceback" in sys.argv or error.errno not in NO_ROOM:
            raise
        sys.exit(
            f"TradersHub cannot go on: {error.strerror}{place_of(error)}. Make room, start again."
        )


def place_of(error: OSError) -> str:
    return f" at {error.filename}" if error.filename else ""


if __name__ == "__main__":
    main()
