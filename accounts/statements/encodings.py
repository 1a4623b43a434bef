"""Which encoding a text file is in: its mark, strict decoding, its declaration, plausibility."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from accounts.statements.meter import METER

CHUNK = 1 << 20
SAMPLE = 1 << 16

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# The encodings of double bytes, each with the characters that make up such a share of its texts.
DOUBLE_BYTES = (
    ("cp949", re.compile(r"[\uac00-\ud7a3]"), 0.95),  # first: everyday Chinese is hanja to it
    ("gbk", re.compile(r"[\u4e00-\u9fff]"), 0.8),
    ("shift_jis", re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]"), 0.8),
)
# Wide colons and the like: said by every one of them, and so by none.
PUNCTUATION = re.compile(r"[\u3000-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20]")
KANA = re.compile(r"[\u3040-\u30ff]")
HIGH_RUN = re.compile(rb"[\x80-\xff]+")
COMMON_GB_LEAD = range(0xB0, 0xD8)  # the 3,755 everyday characters of GB 2312


def encoding_of(path: Path) -> str:
    """The name of a codec that decodes the file; the last resort is cp1252, which never objects."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if unmarked := _unmarked_utf16(head):
        return unmarked
    if _decodes(path, "utf-8"):
        return "utf-8"
    return _declared(head, path) or _plausible(_high_sample(path))


def text_chunks(path: Path, encoding: str = "") -> Iterator[str]:
    """The file's text in pieces of about a megabyte; a stray byte is replaced, never an error."""
    decoder = codecs.getincrementaldecoder(encoding or encoding_of(path))(errors="replace")
    size = path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            METER.at(file.tell(), size)
            yield decoder.decode(chunk).replace("\0", "")
    yield decoder.decode(b"", final=True)


def _unmarked_utf16(head: bytes) -> str:
    half = len(head) // 2
    if half < 8:
        return ""
    if head[1::2].count(0) > half * 0.7 and head[0::2].count(0) == 0:
        return "utf-16-le"
    if head[0::2].count(0) > half * 0.7 and head[1::2].count(0) == 0:
        return "utf-16-be"
    return ""


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _declared(head: bytes, path: Path) -> str:
    found = DECLARED.search(head)
    if not found:
        return ""
    name = found[1].decode("ascii")
    try:
        codec = codecs.lookup(name)
    except LookupError:
        return ""
    if not codec._is_text_encoding or "utf" in codec.name:
        return ""
    return codec.name if _decodes(path, codec.name) else ""


def _high_sample(path: Path) -> bytes:
    """The lines that hold bytes beyond ASCII, at most a sample of them."""
    kept, size = [], 0
    with path.open("rb") as file:
        while size < SAMPLE and (line := file.readline(SAMPLE)):
            if not line.isascii():
                kept.append(line)
                size += len(line)
    return b"".join(kept)


def _plausible(sample: bytes) -> str:
    for name, script, share in DOUBLE_BYTES:
        if _reads_as(sample, name, script, share=share):
            return name
    runs = [len(run) for run in HIGH_RUN.findall(sample)]
    in_words = sum(length for length in runs if length > 1)
    return "cp1251" if in_words > 0.6 * sum(runs) else "cp1252"


def _reads_as(sample: bytes, name: str, script: re.Pattern[str], *, share: float) -> bool:
    text = PUNCTUATION.sub("", sample.decode(name, errors="replace"))
    beyond = [letter for letter in text if letter > "\x7f"]
    if not beyond or text.count("\ufffd") > 0.02 * len(beyond):
        return False
    if len(script.findall(text)) < share * len(beyond):
        return False
    if name == "shift_jis":
        return len(KANA.findall(text)) > 0.2 * len(beyond)
    if name == "gbk":
        return _everyday(beyond) > 0.7 * len(beyond)
    return True


def _everyday(letters: list[str]) -> int:
    leads = (letter.encode("gbk", errors="replace")[0] for letter in letters)
    return sum(lead in COMMON_GB_LEAD for lead in leads)
