"""Files become signals, each line once, whoever dies in between."""

import json
import os
import time

import pytest
import structlog

from tests.factories import make_owner, make_strategy
from trading import dropfolder, gates, receiving, signals
from trading.models import Signal
from trading.sources.plain import draft_from_plain

pytestmark = pytest.mark.django_db

LINE = "v1;2026-03-02T09:15:00Z;mr;EURUSD;buy;0.10;lots"


class Box:
    """A source's folder."""

    def __init__(self, dialect="multicharts"):
        owner = make_owner()
        strategy = make_strategy(owner, "mr")
        fields = {"name": "charts", "dialect": dialect, "proof": "folder", "mode": "live"}
        self.source, self.secret = signals.create_source(
            actor=owner, owner=owner, strategy=strategy, **fields
        )
        self.path = dropfolder.folder_of(self.source)
        assert not dropfolder.fault_of(self.source)

    def drop(self, name, text, *, age=5.0):
        file = self.path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        then = time.time() - age
        os.utime(file, (then, then))
        return file

    def names(self, part):
        return sorted(
            path.name.partition("-")[2] for path in (self.path / part).rglob("*") if path.is_file()
        )


@pytest.fixture
def box(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    return Box()


def test_each_line_of_a_file_is_a_signal(box):
    box.drop("mr.csv", f"{LINE}\r\n\r\n{LINE.replace('buy', 'sellshort')}\r\n")
    assert dropfolder.look() == 1

    actions = Signal.objects.order_by("id").values_list("draft__intent", flat=True)
    assert list(actions) == ["buy", "sell"]
    assert (box.names("done"), box.names("taken"), box.names("failed")) == (["mr.csv"], [], [])
    assert box.secret == ""


def test_the_same_file_dropped_again_is_new_signals(box):
    for _ in range(2):
        box.drop("mr.csv", f"{LINE}\n")
        dropfolder.look()

    assert Signal.objects.count() == 2


def test_lines_that_bring_their_own_id_count_once(box):
    for _ in range(2):
        box.drop("mr.csv", f"{LINE};;;;;;;mr-7\n")
        dropfolder.look()

    assert Signal.objects.get().deliveries == 2


def test_a_json_file_is_one_signal(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    box = Box("generic")
    box.drop("one.json", json.dumps({"symbol": "EURUSD", "action": "buy"}, indent=1))
    dropfolder.look()

    assert Signal.objects.get().draft["symbol"] == "EURUSD"


@pytest.mark.parametrize("part", ["", "taken"])
def test_a_link_is_left_alone_whatever_it_leads_to(box, tmp_path, part):
    secret = tmp_path / "secret.csv"
    secret.write_text(f"{LINE}\n")
    os.utime(secret, (time.time() - 60,) * 2)
    link = box.path / part / "1-mr.csv"
    link.symlink_to(secret)
    box.drop("mr.csv", f"{LINE}\n")

    assert (dropfolder.look(), dropfolder.look()) == (1, 0)
    assert link.is_symlink() and secret.exists()
    assert Signal.objects.get().content_type.endswith("mr.csv")


def test_a_link_is_told_once_in_the_log_for_as_long_as_it_lies_there(box, tmp_path):
    link = box.path / "mr.csv"
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            link.symlink_to(tmp_path)
            dropfolder.look()
            dropfolder.look()
            link.unlink()
            dropfolder.look()

    told = [(entry["event"], entry["file"]) for entry in logs]
    assert told == [("link_left_alone", "mr.csv")] * 2


def test_a_file_that_became_a_link_once_it_was_claimed_is_not_read(box, tmp_path, monkeypatch):
    secret = tmp_path / "secret.csv"
    secret.write_text(f"{LINE}\n")
    pieces = dropfolder._pieces

    def swapped(taken, name):
        (taken.path / name).unlink()
        (taken.path / name).symlink_to(secret)
        return pieces(taken, name)

    monkeypatch.setattr(dropfolder, "_pieces", swapped)
    box.drop("mr.csv", f"{LINE}\n")
    dropfolder.look()

    assert not Signal.objects.exists() and secret.read_text() == f"{LINE}\n"
    assert "cannot be read" in next((box.path / "failed").glob("*.err")).read_text()


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that is none of the source's, with a file that could be one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "key.csv").write_text(f"{LINE}\n")
    os.utime(folder / "key.csv", (time.time() - 60,) * 2)
    return folder


def swap(place, elsewhere, *, gone="gone"):
    """The folder goes, and a link stands where it was."""
    if place.exists():
        place.rename(elsewhere.parent / gone)
    place.symlink_to(elsewhere)


def today():
    return dropfolder._today()


@pytest.mark.parametrize("part", ["", "taken", "done", "failed", "day"])
def test_a_folder_that_is_a_link_is_refused_and_nothing_behind_it_touched(box, elsewhere, part):
    place = box.path / "done" / today() if part == "day" else box.path / part
    swap(place, elsewhere)
    with structlog.testing.capture_logs() as logs:
        dropped = box.drop("mr.csv", f"{LINE}\n")
        assert (dropfolder.look(), dropfolder.look()) == (0, 0)
        place.unlink()
        dropped.unlink(missing_ok=True)
        dropfolder.look()
        swap(place, elsewhere, gone="gone too")
        dropfolder.look()

    assert not Signal.objects.exists()
    assert {path.name for path in elsewhere.iterdir()} <= {"key.csv", "mr.csv"}
    assert [(entry["event"], entry["source"]) for entry in logs] == [
        ("folder_refused", box.source.pk)
    ] * 2
    why = f'"{place.name}" in {place.parent} is a link; expected a folder of its own'
    assert {logs[0]["why"], dropfolder.fault_of(box.source)} == {why}


def test_a_folder_that_becomes_a_link_while_files_are_read_leads_nowhere(
    box, elsewhere, monkeypatch
):
    gone = elsewhere.parent / "gone"
    receive = dropfolder.receive_from_folder

    def swapped(source, message, **kwargs):
        swap(box.path / "taken", elsewhere)
        return receive(source, message, **kwargs)

    monkeypatch.setattr(dropfolder, "receive_from_folder", swapped)
    box.drop("mr.csv", f"{LINE}\n")
    dropfolder.look()

    assert [path.name for path in elsewhere.iterdir()] == ["key.csv"]
    assert (box.names("done"), list(gone.iterdir())) == (["mr.csv"], [])


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_reasons_never_overwrite_what_a_link_of_their_name_leads_to(box, tmp_path, link):
    victim = tmp_path / "victim.conf"
    victim.write_text("precious\n")
    (box.path / "taken" / "x.csv").write_text("evil words\n")
    link(victim, box.path / "failed" / "x.csv.err")
    assert dropfolder.look() == 1

    assert victim.read_text() == "precious\n"
    assert "x.csv:1" in (box.path / "failed" / "x.csv.err").read_text()
    assert (box.path / "failed" / "x.csv").exists()


@pytest.mark.parametrize(
    ("name", "text", "age"),
    [
        ("mr.csv", f"{LINE}\n", 0.1),  # perhaps still being written
        ("mr.csv", f"{LINE}\n{LINE[:20]}", 2),  # its last line has no end: it may still grow
        ("mr.csv.tmp", f"{LINE}\n", 5),
        (".hidden.csv", f"{LINE}\n", 5),
    ],
)
def test_what_may_not_be_whole_is_left_alone(box, name, text, age):
    file = box.drop(name, text, age=age)

    assert dropfolder.look() == 0
    assert file.exists()


def test_a_line_without_an_end_is_taken_once_it_grows_no_more(box):
    box.drop("mr.csv", LINE.replace("buy;0.10", "close;"), age=3.1)
    dropfolder.look()

    assert Signal.objects.get().draft["intent"] == "close"
    assert box.names("done") == ["mr.csv"]


COMMA = "600123,buy,EURUSD,size=0.1"


def test_a_signal_without_a_time_is_as_old_as_its_file(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(receiving, "enqueue", lambda *args, **kwargs: "")
    box = Box("comma")
    box.drop("mr.csv", f"{COMMA}\n", age=6 * 3600)
    dropfolder.look()

    signal = Signal.objects.get()
    facts = gates.normalise(signal, draft_from_plain(signal.draft), at=signal.received_at)
    assert gates.is_in_time(facts).code == "STALE"


def test_a_time_in_the_line_counts_before_that_of_the_file(box):
    box.drop("mr.csv", f"{LINE}\n", age=6 * 3600)
    dropfolder.look()

    assert Signal.objects.get().draft["fired_at"].startswith("2026-03-02T09:15:00")


def test_a_file_from_a_clock_that_is_ahead_is_taken_once_it_stays_the_same(box, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(dropfolder.time, "monotonic", lambda: now[0])
    file = box.drop("mr.csv", f"{LINE.replace('2026-03-02T09:15:00Z', '')}\n", age=-3600)
    assert dropfolder.look() == 0
    now[0] += 0.9
    with file.open("a") as appended:
        appended.write(f"{LINE}\n")
    os.utime(file, (time.time() + 3600,) * 2)
    assert dropfolder.look() == 0
    now[0] += 0.9
    assert dropfolder.look() == 0
    now[0] += 0.2
    assert dropfolder.look() == 1

    first = Signal.objects.order_by("id")[0]
    assert first.draft["fired_at"] <= first.received_at.isoformat()


def test_refused_lines_are_told_beside_the_file_and_the_others_count(box):
    box.drop("mr.csv", f"{LINE}\n{LINE.replace('0.10', '-1')}\n")
    dropfolder.look()

    assert Signal.objects.filter(state="received").count() == 1
    assert Signal.objects.get(state="refused").code == "qty_out_of_range"
    error = next((box.path / "failed").glob("*.err")).read_text()
    assert "mr.csv:2" in error and "qty" not in error and "-1" in error


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_files_of_other_programs_are_read_by_their_marks(box, encoding):
    line = f"{LINE};;;;;;;naïve-é\n"
    box.drop("mr.csv", line.encode(encoding))
    dropfolder.look()

    assert Signal.objects.get().key == "id:naïve-é"


def test_who_dies_while_reading_leaves_it_to_the_next_and_nothing_counts_twice(box, monkeypatch):
    box.drop("mr.csv", f"{LINE}\n{LINE}\n")

    def die(*args):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(dropfolder, "_put_away", die)
        with pytest.raises(SystemExit):
            dropfolder.look()
    assert (Signal.objects.count(), box.names("taken")) == (2, ["mr.csv"])
    dropfolder.look()
    assert (Signal.objects.count(), box.names("done")) == (2, ["mr.csv"])


def test_a_file_that_is_too_large_is_put_aside(box):
    box.drop("mr.csv", b"x" * (dropfolder.LARGEST_FILE + 1) + b"\n")
    dropfolder.look()

    assert box.names("failed") == ["mr.csv", "mr.csv.err"]
    assert not Signal.objects.exists()


def test_a_source_that_is_off_leaves_its_files(box):
    box.source.enabled = False
    box.source.save()
    file = box.drop("mr.csv", f"{LINE}\n")
    dropfolder.look()

    assert file.exists()


def test_a_folder_or_a_line_at_which_the_hub_fails_holds_up_no_other(box, monkeypatch):
    other = Box()
    received = dropfolder.receive_from_folder
    claimed = dropfolder._claimed

    def receive(source, message, **kwargs):
        if b"GBPUSD" in message.body:
            raise ZeroDivisionError
        return received(source, message, **kwargs)

    def claim(parts):
        if parts.box.path == box.path:
            raise PermissionError
        return claimed(parts)

    monkeypatch.setattr(dropfolder, "receive_from_folder", receive)
    monkeypatch.setattr(dropfolder, "_claimed", claim)
    other.drop("mr.csv", f"{LINE.replace('EURUSD', 'GBPUSD')}\n{LINE}\n")
    assert dropfolder.look() == 1

    assert [signal.draft["symbol"] for signal in Signal.objects.all()] == ["EURUSD"]
    assert (other.names("taken"), other.names("failed")) == ([], ["mr.csv", "mr.csv.err"])


@pytest.mark.parametrize("length", [230, 234, 251])
def test_a_file_with_a_long_name_is_read_and_told_of(box, length):
    box.drop("x" * length + ".csv", "nonsense\n", age=6)
    box.drop("mr.csv", f"{LINE}\n")
    assert dropfolder.look() == 2

    assert [name[-9:] for name in box.names("failed")] == ["xxxxx.csv", "x.csv.err"]
    assert box.names("done") == ["mr.csv"]


def test_a_file_that_was_left_behind_and_cannot_be_put_away_holds_up_no_other(box, monkeypatch):
    put_away = dropfolder._put_away

    def refuse(parts, name, refused):
        if name == "1-old.csv":
            raise PermissionError
        put_away(parts, name, refused)

    monkeypatch.setattr(dropfolder, "_put_away", refuse)
    (box.path / "taken" / "1-old.csv").write_text(f"{LINE}\n")
    box.drop("mr.csv", f"{LINE}\n")
    assert dropfolder.look() == 1

    assert (box.names("taken"), box.names("done")) == (["old.csv"], ["mr.csv"])


def test_a_file_whose_name_is_no_text_is_read(box):
    file = box.drop("mr.csv", f"{LINE}\n")
    file.rename(box.path / "m\udcfcr.csv")
    dropfolder.look()

    assert Signal.objects.get().content_type.endswith("-m\\udcfcr.csv")
