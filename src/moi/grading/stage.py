"""A submission laid onto its assignment: of what a learner hands in, only answers and added cells are taken."""

from __future__ import annotations

import errno
import json
import os
import stat as modes
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moi.grading.assignment import Cell, Kind, Notebook

# nbgrader too leaves larger files of a submission behind (CourseDirectory.max_file_size).
LARGEST_NOTEBOOK = 100_000_000  # bytes
_MOST_CONTAINERS, _MOST_VALUES = 2_000_000, 10_000_000  # as read, these take about 0.5 GB each
LARGEST_SOURCE = 1_000_000  # characters of one cell
MOST_CELLS, MOST_ADDED_CELLS = 20_000, 500
_MOST_ADDED_TEXT = 5_000_000  # characters of all added cells
_MOST_PASTED = 40_000_000  # characters, in base64, of all pictures pasted into cells
_LARGEST_FILE, _MOST_FILES, _MOST_BYTES, _DEEPEST, _MOST_ENTRIES = 20_000_000, 200, 100_000_000, 8, 5_000
_LEFT_OUT = "Pictures that are no PNG, JPEG, GIF or WebP, or too large, are only in the file that was handed in"


@dataclass(frozen=True)
class StagedCell:
    kind: Kind
    source: str  # of a test the author's own, hidden tests and all: not for the learner's process
    cell: int | None  # place in Notebook.cells; None for a cell that the learner added
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)  # the learner's pictures in it, harmless


@dataclass(frozen=True)
class Staged:
    cells: tuple[StagedCell, ...]
    notes: tuple[str, ...]  # what was wrong with the file, and what was done about it; none of the learner's own words
    readable: bool  # False: every answer is as it was released


def stage(notebook: Notebook, raw: bytes | None) -> Staged:
    """Lay the bytes of a handed-in notebook onto ``notebook``; None stands for no file. Never raises.

    The cells follow the author's order, and an added cell the author's cell that it followed in the learner's file.
    Where an answer's cell is gone, its release stands before the added cells of the gap, so that an answer written
    into one of those holds.
    """
    notes = _Notes()
    handed_in = _read(raw, notes)
    if handed_in is None:
        cells = (StagedCell(cell.kind, _untouched(cell), place) for place, cell in enumerate(notebook.cells))
        return Staged(tuple(cells), notes.told(), False)
    return Staged(tuple(_Layout(notebook, handed_in, notes).staged()), notes.told(), True)


@dataclass
class _Written:
    """A cell as the learner's file has it. ``text`` is None where it is no text, or too long."""

    kind: Kind | None
    text: str | None
    grade_id: str
    id: str
    attachments: Any
    nbgrader: Any = None  # its metadata of nbgrader's, whatever that is


@dataclass
class _Notes:
    """Sentences, each once. In ``about``, sentences that end with the names of the cells they are about."""

    said: dict[str, None] = field(default_factory=dict)
    about: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def say(self, sentence: str) -> None:
        self.said[sentence] = None

    def add(self, sentence: str, cell: str, times: int = 1) -> None:
        self.about[sentence][cell] += times

    def told(self, most: int = 6) -> tuple[str, ...]:
        made = list(self.said)
        for sentence, cells in self.about.items():
            names = [name if times == 1 else f"{name} ({times} times)" for name, times in cells.items()]
            more = f" and {len(names) - most} more" if len(names) > most else ""
            made.append(f"{sentence}: {', '.join(names[:most])}{more}.")
        return tuple(made)


class _Layout:
    def __init__(self, notebook: Notebook, handed_in: list[_Written], notes: _Notes) -> None:
        self.cells = notebook.cells
        self.handed_in = handed_in
        self.notes = notes
        self.taken: dict[int, _Written] = {}  # by place in the author's notebook
        self.added: dict[int, list[_Written]] = defaultdict(list)  # by the author's cell they follow, -1 for none
        self.room = _MOST_PASTED

    def staged(self) -> Iterator[StagedCell]:
        self._follow(self._matches())
        self._take_by_place()
        self._limit_added()
        following: dict[int, list[_Written]] = defaultdict(list)
        for place, written in sorted(self.added.items()):
            missing = self._missing_after(place, "answer")
            following[missing[-1] if missing else place] += written
        yield from self._added(following[-1])
        for place, cell in enumerate(self.cells):
            if cell.role == "answer":
                yield self._answer(place, cell)
            elif cell.role != "free":
                yield StagedCell(cell.kind, _untouched(cell), place)
            elif place in self.taken:
                mine = self.taken[place]
                text, kind = cell.release if mine.text is None else mine.text, mine.kind or cell.kind
                yield StagedCell(kind, text, place, self._pasted(mine, kind, self._called(place)))
            yield from self._added(following[place])
        self._note_what_changed()

    def _matches(self) -> list[int | None]:
        """For each cell of the learner its place in the author's notebook, or that of the cell it is a copy of."""
        by_name = {cell.name: place for place, cell in enumerate(self.cells) if cell.name}
        by_id = {cell.id: place for place, cell in enumerate(self.cells) if cell.id}
        found = [by_name.get(written.grade_id) for written in self.handed_in]
        named = {place for place in found if place is not None}
        for number, written in enumerate(self.handed_in):
            if found[number] is None and written.id in by_id:
                place = by_id[written.id]
                # A cell of that name is there: this one has only its id, and is text of the learner if that one is.
                if place not in named or self.cells[place].role in ("given", "test"):
                    found[number] = place
        matched = {place for place in found if place is not None}
        places: dict[tuple[Any, str], list[int]] = defaultdict(list)
        for place, cell in enumerate(self.cells):
            places[cell.kind, _bare(cell.release)].append(place)
        numbers: dict[tuple[Any, str], list[int]] = defaultdict(list)
        for number, written in enumerate(self.handed_in):
            if found[number] is None and (text := _bare(written.text or "")) and (written.kind, text) in places:
                numbers[written.kind, text].append(number)
        for key, same in numbers.items():
            left = [place for place in places[key] if place not in matched]
            test = next((place for place in places[key] if self.cells[place].role == "test"), None)
            # One stub stands in many answers: which are which is known only where all of them are there.
            for number, match in zip(same, left if len(left) == len(same) else [test] * len(same), strict=True):
                found[number] = match
        return found

    def _follow(self, matches: list[int | None]) -> None:
        """Go through the learner's file: the first of each of the author's cells is that cell, all others are added."""
        last, moved = -1, False
        for written, place in zip(self.handed_in, matches, strict=True):
            if place is None:
                self.added[last].append(written)
            elif place not in self.taken:
                self.taken[place] = written
                moved = moved or place < last
                last = place
            elif self.cells[place].role in ("given", "test"):
                self.notes.add("Copies of the author's cells were left out", self._called(place))
            else:
                self.notes.add(
                    "Copies of these cells are kept as added cells; the first one counts as the answer",
                    self._called(place),
                )
                self.added[last].append(written)
        if moved:
            self.notes.say("Cells had been moved; they are in the author's order again.")

    def _missing_after(self, place: int, *roles: str) -> list[int]:
        """The missing cells of ``roles`` between the author's at ``place`` and the next that is there, or a test."""
        missing = []
        for later in range(place + 1, len(self.cells)):
            if later in self.taken or self.cells[later].role == "test":
                break
            if self.cells[later].role in roles:
                missing.append(later)
        return missing

    def _take_by_place(self) -> None:
        """Where as many cells were added as answers are missing, the ones are the others."""
        for place in range(-1, len(self.cells)):
            for kind in ("code", "markdown"):
                new = [new for new in self.added[place] if new.kind == kind and (new.text or "").strip()]
                # Cells that the author left open may have been edited, or deleted.
                for roles in (("answer", "free"), ("answer",)):
                    gone = [later for later in self._missing_after(place, *roles) if self.cells[later].kind == kind]
                    if len(gone) == len(new) and any(self.cells[later].role == "answer" for later in gone):
                        self._take(place, gone, new)
                        break

    def _take(self, place: int, gone: list[int], new: list[_Written]) -> None:
        left = self.added.pop(place)
        recognised = {id(written): later for later, written in zip(gone, new, strict=True)}
        for written in left:
            if (later := recognised.get(id(written))) is None:
                self.added[place].append(written)
                continue
            self.taken[later] = written
            place = later  # what comes next follows this cell
            if self.cells[later].role == "answer":
                self.notes.add("Recognised by its place only", self._called(later))

    def _limit_added(self) -> None:
        count = size = left_out = 0
        for place in sorted(self.added):
            kept = []
            for written in self.added[place]:
                if written.text is None:
                    self.notes.say("An added cell was left out: what it holds is no text, or too long.")
                elif count >= MOST_ADDED_CELLS or size + len(written.text) > _MOST_ADDED_TEXT:
                    left_out += 1
                elif written.text.strip():
                    count, size = count + 1, size + len(written.text)
                    kept.append(written)
            self.added[place] = kept
        if left_out:
            self.notes.say(f"{left_out} added cells were left out: there are too many, or they are too long.")

    def _answer(self, place: int, cell: Cell) -> StagedCell:
        mine = self.taken.get(place)
        if mine is None:
            self.notes.add("Missing answers, left as they were released", self._called(place))
        elif mine.text is None:
            self.notes.add("Answers that are no text, or too long, left as they were released", self._called(place))
        else:
            if mine.kind != cell.kind:
                self.notes.add(
                    "The kind of these answers' cells had been changed, and was put back", self._called(place)
                )
            return StagedCell(cell.kind, mine.text, place, self._pasted(mine, cell.kind, self._called(place)))
        return StagedCell(cell.kind, cell.release, place)

    def _added(self, cells: list[_Written]) -> Iterator[StagedCell]:
        for written in cells:
            if written.kind is None:
                self.notes.say("An added cell of an unknown kind is kept as plain text.")
            kind = written.kind or "raw"
            yield StagedCell(kind, written.text or "", None, self._pasted(written, kind, "an added cell"))

    def _pasted(self, written: _Written, kind: str, called: str) -> dict[str, dict[str, str]]:
        """The pictures that a cell shows of those pasted into it. JupyterLab keeps also what was taken out again."""
        if kind != "markdown" or not written.attachments or not isinstance(written.attachments, dict):
            return {}
        from moi.grading.clean import MOST_PASTED, clean_attachments  # slow to import, and seldom needed

        text = unquote(written.text or "")
        newest = list(written.attachments.items())[-MOST_PASTED:]
        shown = {name: kinds for name, kinds in newest if f"attachment:{unquote(name)}" in text}
        kept = {}
        for name, kinds in clean_attachments(shown).items():
            size = sum(map(len, kinds.values()))
            if size <= self.room:
                kept[name] = kinds
                self.room -= size
        if left_out := len(shown) - len(kept):
            self.notes.add(_LEFT_OUT, called, left_out)
        return kept

    def _note_what_changed(self) -> None:
        for place, cell in enumerate(self.cells):
            if cell.role not in ("given", "test"):
                continue
            if place not in self.taken:
                self.notes.add("Missing cells of the author's, put back", self._called(place))
            elif _bare(self.taken[place].text or "") != _bare(cell.release) and not _as_released(self.taken[place]):
                self.notes.add("Changed cells of the author's, put back", self._called(place))

    def _called(self, place: int) -> str:
        return self.cells[place].name or f"cell {place + 1}"


def _untouched(cell: Cell) -> str:
    """What runs where nothing of the learner's is taken: the author's own tests, but no solutions."""
    return cell.source if cell.role in ("given", "test") else cell.release


def _as_released(written: _Written) -> bool:
    """Whether it is the author's of an earlier release, by the checksum that nbgrader wrote into it then.

    A learner could write one too, and would gain nothing: the author's own cell stands in its place in any case.
    """
    from nbformat import from_dict  # slow to import, both, and seldom needed
    from nbgrader.utils import compute_checksum

    try:
        cell = {"cell_type": written.kind, "source": written.text, "metadata": {"nbgrader": written.nbgrader}}
        return bool(compute_checksum(from_dict(cell)) == written.nbgrader["checksum"])
    except Exception:  # anything may stand there
        return False


def _bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def _read(raw: bytes | None, notes: _Notes) -> list[_Written] | None:
    """The cells of a notebook file, None where it cannot be read."""
    if raw is None:
        notes.say("No notebook was handed in under this name, or it is no ordinary file that can be opened.")
        return None
    if not raw.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        notes.say("The file is empty.")
        return None
    too_much = raw.count(b"[") + raw.count(b"{") > _MOST_CONTAINERS or raw.count(b",") > _MOST_VALUES
    if len(raw) > LARGEST_NOTEBOOK or too_much:
        notes.say(
            f"The file is too large to be read ({len(raw) / 1e6:,.0f} MB, at most {LARGEST_NOTEBOOK / 1e6:,.0f} MB, "
            "less if it holds many small values): its outputs should be cleared."
        )
        return None
    content = _parsed(raw, notes)
    cells = content.get("cells") if isinstance(content, dict) else None
    if isinstance(content, dict) and not isinstance(cells, list) and isinstance(content.get("worksheets"), list):
        notes.say("The file has the format of notebooks before 2015; its cells were read all the same.")
        sheets = [sheet["cells"] for sheet in content["worksheets"] if isinstance(sheet, dict) and "cells" in sheet]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(cells, list):
        notes.say("The file is no notebook: nothing could be read.")
        return None
    if len(cells) > MOST_CELLS:
        notes.say(f"The file has {len(cells):,} cells; the first {MOST_CELLS:,} were read.")
        cells = cells[:MOST_CELLS]
    written = [_written(cell, notes) for cell in cells if isinstance(cell, dict)]
    if len(written) < len(cells):
        notes.say(f"{len(cells) - len(written)} entries of the file that are no cells were left out.")
    return written


def _parsed(raw: bytes, notes: _Notes) -> Any:
    text, doubt = _decoded(raw)
    text = text.strip("\ufeff \t\r\n\0")
    # No number of the file matters but points, and some are made to be hard to read.
    decoder = json.JSONDecoder(strict=False, parse_int=_short, parse_float=_short, parse_constant=_zero)
    try:
        content, end = decoder.raw_decode(text)
    except (ValueError, RecursionError, MemoryError):
        return None
    if doubt:
        notes.say(doubt)
    if end < len(text):
        notes.say("What follows the notebook in the file was left out.")
    return content


def _decoded(raw: bytes) -> tuple[str, str]:
    """The text of a file, and what is doubtful about it."""
    try:
        return raw.decode(json.detect_encoding(raw), "surrogatepass"), ""
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong <= len(text) - len(text.encode("ascii", "ignore")) - wrong:
        return text, "Some characters of the file are damaged."
    doubt = "The file is not in UTF-8; it was read as Windows-1252, so accents and signs may be wrong."
    return raw.decode("cp1252", "replace"), doubt


def _short(digits: str) -> float:
    return float(digits) if len(digits) < 20 else 0.0


def _zero(_: str) -> int:
    return 0


def _written(cell: dict[str, Any], notes: _Notes) -> _Written:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    kind = cell.get("cell_type")
    text = _text(cell["source"] if "source" in cell else cell.get("input"), notes)
    if kind == "heading" and text is not None:  # of the old format
        kind, text = "markdown", f"# {text}"
    return _Written(
        kind="markdown" if kind == "html" else kind if kind in ("code", "markdown", "raw") else None,
        text=text,
        grade_id=grade_id if isinstance(grade_id, str) else "",
        id=cell["id"] if isinstance(cell.get("id"), str) else "",
        attachments=cell.get("attachments"),
        nbgrader=nbgrader,
    )


def _text(source: Any, notes: _Notes) -> str | None:
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        if len(lines) < len(source):
            notes.say("Lines of a cell that are no text were left out.")
        if source and not lines:
            return None
        source = "".join(lines)
    if not isinstance(source, str) or len(source) > LARGEST_SOURCE:
        return None
    if "\0" in source:
        notes.say("Null characters were taken out of a cell.")
        source = source.replace("\0", "")
    try:
        source.encode()
    except UnicodeEncodeError:
        whole = source.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if "\ufffd" in whole:
            notes.say("Characters that do not exist were replaced by \ufffd in a cell.")
        source = whole
    return source.replace("\r\n", "\n").replace("\r", "\n")


# What a learner, or the way to us, can do to a file; all other failures are ours and stop the run.
_NOT_THERE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.EACCES,
    errno.EPERM,
    errno.ENXIO,
    errno.ENODEV,
    errno.ENAMETOOLONG,
    errno.EMLINK,
)
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def read_submission(path: Path, below: Path | None = None) -> bytes | None:
    """The bytes of a handed-in file; None unless it is an ordinary file that can be opened.

    Under the folder ``below`` (that of the file, where none is given, itself included) no link is followed. A file too
    large to be staged is read up to one byte more than that.
    """
    path = Path(path)
    below = Path(below) if below is not None else path.parent
    parts = path.relative_to(below).parts
    folder = None
    try:
        folder = os.open(below, _OPEN | os.O_DIRECTORY)
        for part in parts[:-1]:
            inner = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return _bytes_of(parts[-1], folder, LARGEST_NOTEBOOK + 1)
    except OSError as failure:
        if failure.errno not in _NOT_THERE:
            raise
        return None
    finally:
        if folder is not None:
            os.close(folder)


def learner_files(
    folder: Path, largest: int = _LARGEST_FILE, most: int = _MOST_FILES, notes: list[str] | None = None
) -> dict[str, bytes]:
    """The other ordinary files of a submission, by relative path: no notebooks, no hidden files, no links.

    At most ``most`` files of ``largest`` bytes each. ``notes`` gets a sentence for what was left out.
    """
    files: dict[str, bytes] = {}
    left_out: Counter[str] = Counter()
    try:
        top = os.open(folder, _OPEN | os.O_DIRECTORY)
    except OSError as failure:
        if failure.errno not in _NOT_THERE:
            raise
        return {}
    try:
        _collect(top, "", files, left_out, largest, most)
    finally:
        os.close(top)
    if notes is not None:
        notes += [f"{count} files or folders were left out: {why}." for why, count in left_out.items()]
    return files


def _collect(
    folder: int, prefix: str, files: dict[str, bytes], left_out: Counter[str], largest: int, most: int
) -> None:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False))
    if len(names) == _MOST_ENTRIES:
        left_out["there are too many in a folder"] += 1
    for name in names:
        if name.startswith(".") or name == "__pycache__" or name.lower().endswith((".ipynb", ".pyc")):
            continue
        if not name.isprintable() or "\\" in name or len(prefix) + len(name) > 400:
            left_out["their names are not fit for use"] += 1
            continue
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if modes.S_ISDIR(mode):
                if prefix.count("/") >= _DEEPEST:
                    left_out["they lie too deep"] += 1
                    continue
                inner = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=folder)
                try:
                    _collect(inner, f"{prefix}{name}/", files, left_out, largest, most)
                finally:
                    os.close(inner)
                continue
            room = min(largest, _MOST_BYTES - sum(map(len, files.values())))
            content = _bytes_of(name, folder, room + 1) if modes.S_ISREG(mode) else None
        except OSError as failure:
            if failure.errno not in _NOT_THERE:
                raise
            content = None
        if content is None:
            left_out["they are links or other than ordinary files, or cannot be opened"] += 1
        elif len(content) > room or len(files) >= most:
            left_out["they are too large or too many"] += 1
        else:
            files[prefix + name] = content


def _bytes_of(name: str, folder: int, most: int) -> bytes | None:
    """Up to ``most`` bytes of an ordinary file in the open ``folder``, None if it is something else."""
    with open(os.open(name, _OPEN, dir_fd=folder), "rb") as file:
        return file.read(most) if modes.S_ISREG(os.fstat(file.fileno()).st_mode) else None
