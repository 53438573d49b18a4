"""Build hook: bundles the front end, and puts the data beside the code in the wheel."""

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CourseBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        # The package itself cannot be imported yet.
        spec = importlib.util.spec_from_file_location("moi_node", root / "src/moi/node.py")
        assert spec is not None and spec.loader is not None
        node = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(node)
        node.build_front_end(root)
        # An editable install reads `data/` where it lies: a copy would go stale.
        if version != "editable":
            build_data["force_include"][str(root / "data")] = "moi/datasets"
