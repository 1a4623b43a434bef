"""Rows that are taken out of the text before the parser are those that the parser would have found."""

import random

import pytest

from accounts.statements import encodings
from accounts.statements.html_table import html_rows
from accounts.statements.html_texts import TextTarget, html_texts, plain_row

PLAIN = '<tr align="right"><td nowrap>2024.01.02</td><td>7</td><td class="hidden">x</td></tr>'
PIECES = (
    PLAIN, PLAIN, PLAIN, PLAIN.replace("7", "1&nbsp;234"), PLAIN.upper(), "<tr>", "</tr>", "<td>", "</td>",
    "<!--", "-->", "<script>", "</script>", "<noscript>", "</noscript>", "<table>", "</table>", "<b>", "</b>",
    '<td title="', '">', "text", "\r\n", " \xa0 ", "<tr/>", "<td/>", "<th>Time</th>", "<p>", "<div>", "</div>",
    "<textarea>", "</textarea>", "<tr hidden><td style='display: none'>1</td><td>2</td></tr>", "\x01", "<br>",
    "<tr><td> a\tb \n c </td><td>a\rb</td></tr>", "<tr><td CLASS=hidden>a</td></tr>", "<title>", "</title>",
    '<tr><td class="a" class="hidden">first</td><td-x>1</td-x><tdx>2</tdx></tr>', "<form>", "</form>",
    '<tr class="plain-1"></tr>', "<tr></tr>", "<tr>loose<td>1</td>text<td>2</td></tr>", "<!", "<tbody>",
)  # fmt: skip


def visible(path):
    """As the parser alone finds them."""
    return [[cell.text for cell in row if not cell.hidden] for row in html_rows(path)]


def written(folder, text):
    path = folder / "report.html"
    path.write_text(f"<html><body><table>{text}</table></body></html>", encoding="utf-16")
    return path


@pytest.mark.parametrize("seed", range(120))
def test_the_rows_are_those_of_the_parser(tmp_path, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(encodings, "CHUNK", chance.choice((64, 100, 1000, 1 << 20)))
    pieces = (chance.choice(PIECES) for _ in range(chance.randint(2, 25)))
    path = written(tmp_path, "".join(pieces))
    assert list(html_texts(path)) == visible(path)


def test_plain_rows_are_taken_once_the_parser_has_found_one():
    target = TextTarget()
    assert "2024" in "".join(target.take(f"<table>{PLAIN}{PLAIN}"))
    target.is_sure = True
    seen = "".join(target.take(f"{PLAIN}{PLAIN}</table><!--{PLAIN}{PLAIN}"))
    assert seen.count("2024") == 2  # those after the comment began
    assert list(target.taken.values()) == [[["2024.01.02", "7"]] * 2]
    assert list(target.take("-->")) == [""]
    assert target.take_rest() == "-->"


@pytest.mark.parametrize(
    "row",
    [
        "<tr><td>1</td><td>2</td>",
        '\r\n  <tr bgcolor="#FFFFFF" align="right">\r\n<td nowrap>1</td>\r\n<td colspan="2"> 2 </td> ',
        '<tr><td>1</td><td class="hidden">x</td><td title="a">2\xa0</td>',
    ],
)
def test_cells_of_text_are_plain(row):
    assert plain_row(row) == ["1", "2"]


@pytest.mark.parametrize(
    "row",
    [
        "<tr>",
        "<td>1</td>",
        "<tr><th>1</th>",
        "<tr><td><b>1</b></td>",
        "<tr><td>1&nbsp;2</td>",
        "<tr><td>1<td>2</td>",
        "<!-- --><tr><td>1</td>",
        "<tr><td class='hidden'>1</td>",
        "<tr><td onclick=x>1</td>",
        "<tr><td>a\rb</td>",
        "<tr><td>a\x00b</td>",
        f"<tr><td>{'a' * (1 << 16)}</td>",
    ],
)
def test_all_else_is_left_to_the_parser(row):
    assert plain_row(row) == []
