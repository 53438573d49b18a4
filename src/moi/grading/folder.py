"""The working folder on both sides: a file that the test writes is there for the learner's function, and back.

Each side has a folder of its own; what has changed goes along with each message. The assignment's own files never
change on the judge's side: a test that reads the data reads the author's.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_FILES = 200
LARGEST = 16 << 20
_DEEPEST, _NOT_LOOKED_AT = 4, (".", "__pycache__")


class Folder:
    """The current working folder, with the assignment's ``files`` written into it."""

    def __init__(self, files: Mapping[str, bytes] | None = None, keep: bool = False) -> None:
        self.root = Path.cwd()
        self.kept = frozenset(files or ()) if keep else frozenset()
        self.seen: dict[str, tuple[int, ...]] = {}
        self.theirs: set[str] = set()  # files that the other side has made, and this side has not written since
        self.most = MOST_FILES + len(files or ())
        for name, content in (files or {}).items():
            self._write(name, content)

    def place(self) -> str:
        """Where in the folder this process is now: a name below it, or a dot."""
        with contextlib.suppress(OSError):
            where = os.getcwd()
            return "." if where == str(self.root) else os.path.relpath(where, self.root)
        return ".."

    def go_to(self, where: object) -> None:
        """Be where the other side is, if that is in the folder and there is such a place here."""
        if where == "." or _is_inside(where):
            with contextlib.suppress(OSError, ValueError):
                os.chdir(self.root / str(where))

    def apply(self, files: Mapping[str, bytes | None]) -> None:
        """Write the ``files`` (None: remove), except those that are kept as they are, and what cannot be written."""
        inside = filter(_is_inside, files)
        for name in sorted(inside, key=lambda name: (files[name] is None, -len(name))):  # a folder after what is in it
            content = files[name]
            kept = name in self.kept and name in self.seen
            large = isinstance(content, bytes) and (len(content) > LARGEST or len(self.seen) >= self.most)
            if not kept and not large and _looked_at(name):
                self.theirs.update(each for each in (*_above(name), name) if not os.path.lexists(self.root / each))
                self._write(name, content)

    def differs(self, name: str, content: bytes | None) -> bool:
        """Whether a file of this name is here, not of the other side's making, and would get other content."""
        if name in self.kept or name in self.theirs or not _looked_at(name):
            return False
        path = self.root / name
        with contextlib.suppress(OSError, ValueError):
            status = os.lstat(path)
            same_size = content is not None and stat.S_ISREG(status.st_mode) and status.st_size == len(content)
            return not same_size or path.read_bytes() != content
        return False

    def _write(self, name: str, content: bytes | None) -> None:
        if not _is_inside(name):
            return
        path = self.root / name
        with contextlib.suppress(OSError, ValueError):  # a folder in its place, no room, no name for a file
            if content is None:
                self.seen.pop(name, None)
                path.rmdir() if name.endswith("/") else path.unlink(missing_ok=True)
            elif isinstance(content, bytes):
                for above in (*_above(name), *[name][: name.endswith("/")]):
                    (self.root / above).mkdir(exist_ok=True)
                    self.seen[above] = ()
                if not name.endswith("/"):
                    path.write_bytes(content)
                    self.seen[name] = _stamp(os.lstat(path))

    def changes(self) -> dict[str, bytes | None]:
        """Files written, changed or removed since the last look, and folders: their names end with a stroke."""
        found: dict[str, tuple[int, ...]] = {}
        changed: dict[str, bytes | None] = {}
        try:
            self._look(str(self.root), "", found, changed, 0)
        except OSError:
            return {}
        for name in self.seen.keys() - found.keys():
            changed[name] = None
        self.theirs -= changed.keys()
        if self.seen != found:
            self.seen = found
        return changed

    def _look(self, folder: str, prefix: str, found: dict[str, Any], changed: dict[str, Any], depth: int) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    inside = f"{name}/"
                    if depth < _DEEPEST and not entry.name.startswith(_NOT_LOOKED_AT):
                        if inside in self.seen or len(found) < self.most:
                            found[inside] = ()
                            if inside not in self.seen:
                                changed[inside] = b""
                        self._look(entry.path, inside, found, changed, depth + 1)
                    continue
                status = entry.stat(follow_symlinks=False)
                large = status.st_size > LARGEST or len(found) >= self.most
                if not stat.S_ISREG(status.st_mode) or (large and name not in self.seen):
                    continue
                found[name] = _stamp(status)
                if self.seen.get(name) != found[name] and not large:
                    changed[name] = Path(entry.path).read_bytes()


def _is_inside(name: object) -> bool:
    """Whether this is a name below the folder, and the one that a file there has.

    Under another, as `./data.csv`, what is kept would not be known again.
    """
    plain = name.removesuffix("/") if isinstance(name, str) else ""
    return plain not in ("", ".") and plain == os.path.normpath(plain) and not plain.startswith(("/", ".."))


def _above(name: str) -> list[str]:
    """The folders in which a file or folder lies, from the top."""
    parts = name.removesuffix("/").split("/")[:-1]
    return ["/".join(parts[: n + 1]) + "/" for n in range(len(parts))]


def _looked_at(name: str) -> bool:
    """Whether a file of this name would be noticed: what is written to another place is nobody's business."""
    folders = name.split("/")[:-1] if _is_inside(name) else [".."]
    return len(folders) <= _DEEPEST and not any(folder.startswith(_NOT_LOOKED_AT) for folder in folders)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns
