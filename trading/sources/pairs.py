"""Plain text of the form `name=value`, in lines or between commas or semicolons."""

from __future__ import annotations

import re

from trading.sources.strict import LONGEST_FIELD, Refused

PAIR = re.compile(
    r"[ \t]*([A-Za-z_][\w.]{0,40})[ \t]*=[ \t]*(\"[^\"]*\"|[^,;\r\n\"]*)[ \t]*", re.ASCII
)
SEPARATOR = re.compile(r"[,;\r\n]+")


def fields_of_pairs(text: str) -> dict[str, str]:
    """The fields by lower-case name. Raises Refused where the text is not made of pairs, or a name is twice."""
    found: dict[str, str] = {}
    place, text = 0, text.strip()
    while place < len(text):
        pair = PAIR.match(text, place)
        if not pair:
            raise Refused(
                "no_signal",
                f"Expected name=value, as action=buy; found {text[place : place + 40]!r}",
            )
        name, value = pair[1].lower(), pair[2].strip().strip('"')
        if name in found:
            raise Refused("duplicate_key", f'"{name}" stands twice; expected once', malformed=True)
        if len(value) > LONGEST_FIELD:
            raise Refused("too_long", f'"{name}" is longer than {LONGEST_FIELD} characters')
        found[name] = value
        place = pair.end()
        if place < len(text):
            between = SEPARATOR.match(text, place)
            if not between:
                raise Refused(
                    "no_signal",
                    f"Expected a comma after {name!r}; found {text[place : place + 40]!r}",
                )
            place = between.end()
    return found
