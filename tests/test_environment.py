"""The four places that name versions agree: pyproject.toml, requirements.lock, environment.yml and the npm lock."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
NPM = json.loads((ROOT / "package.json").read_text("utf-8"))
NPM_LOCK = json.loads((ROOT / "package-lock.json").read_text("utf-8"))


def declared() -> list[str]:
    """Every requirement of pyproject.toml: to run, by extra, and to build."""
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return sorted({*project["dependencies"], *extras, *PROJECT["build-system"]["requires"]})


def locked() -> list[Requirement]:
    """The pinned packages of requirements.lock, each with its marker."""
    lines = re.sub(r"^\s*#.*$", "", LOCK, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [Requirement(line.split("--hash")[0].strip()) for line in lines if line.strip()]


@pytest.mark.parametrize("line", declared())
def test_lock_satisfies_every_requirement(line):
    wanted = Requirement(line)
    pins = [pin for pin in locked() if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
    assert pins, f"{wanted.name} is not in requirements.lock: run make lock"
    for pin in pins:
        (version,) = [part.version for part in pin.specifier]
        assert version in wanted.specifier, f"requirements.lock has {pin}, pyproject.toml wants {line}: run make lock"


def test_lock_holds_exact_versions_with_hashes_and_no_address():
    entry = r"\S+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    rest = re.sub(entry, "", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE))
    assert rest == ""
    assert "://" not in LOCK


def test_every_supported_python_gets_one_version_of_each_package():
    floor = PROJECT["project"]["requires-python"]
    assert floor.startswith(">=")
    minor = int(floor.removeprefix(">=3."))
    for python in (f"3.{minor + step}" for step in range(3)):
        for platform in ("linux", "darwin", "win32"):
            system = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform]
            here = {
                "python_version": python,
                "python_full_version": f"{python}.0",
                "sys_platform": platform,
                "platform_system": system,
                "os_name": "nt" if platform == "win32" else "posix",
            }
            names = [pin.name for pin in locked() if pin.marker is None or pin.marker.evaluate(here)]
            assert len(names) == len(set(names))
            assert "jupyterlab" in names


def test_environment_file_holds_python_and_the_lock_alone():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, rest = environment["dependencies"]
    assert environment["name"] == PROJECT["project"]["name"]
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["project"]["requires-python"])
    assert pip == "pip"
    assert rest == {"pip": ["-r requirements.lock"]}


def test_binder_reads_the_files_at_the_top():
    # Either folder would make Binder ignore environment.yml and postBuild.
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()
    assert os.access(ROOT / "postBuild", os.X_OK)
    assert (ROOT / "postBuild").read_text("utf-8").startswith("#!/bin/bash\n")


def test_package_lock_names_versions_and_hashes_and_no_address():
    top, *packages = NPM_LOCK["packages"].values()
    for kind in ("dependencies", "devDependencies"):
        assert top[kind] == NPM[kind]
        for name, version in NPM[kind].items():
            assert NPM_LOCK["packages"][f"node_modules/{name}"]["version"] == version
    for package in packages:
        assert "resolved" not in package
        assert package["integrity"].startswith("sha512-")


def test_jupyterlab_opens_pages_as_notebooks():
    shared = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {"jupyter/overrides.json": "share/jupyter/lab/settings/overrides.d/moi.json"}
    overrides = json.loads((ROOT / "jupyter/overrides.json").read_text("utf-8"))
    for plugin, settings in overrides.items():
        package, _, name = plugin.partition(":")
        schema = Path(sys.prefix, "share/jupyter/lab/schemas", package, f"{name}.json")
        assert set(settings) <= set(json.loads(schema.read_text("utf-8"))["properties"])
    viewers = overrides["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["markdown"] == "Jupytext Notebook"


def test_public_address_is_unset_or_a_web_address():
    repository = PROJECT["tool"]["moi"]["repository"]
    assert repository == "" or re.fullmatch(r"https://[^/\s]+/\S*[^/\s]", repository)
