"""Programs for Node that tests run: in a folder of their own, with what its lock file names."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def install(folder: Path) -> None:
    """Install what the folder's lock file names, unless it is there. Without Node, skip; on CI, fail."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("node and npm are needed")
        pytest.skip("node and npm are needed")
    with FileLock(folder / ".lock"):
        locked = json.loads((folder / "package-lock.json").read_text())["packages"]
        for name, package in locked.items():
            found = folder / name / "package.json"
            if name and not (found.is_file() and json.loads(found.read_bytes())["version"] == package["version"]):
                subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=folder, check=True)
                break


def answer(script: Path, question: Any) -> Any:
    """What a script answers: JSON goes in, and JSON comes out."""
    done = subprocess.run(
        ["node", str(script)], input=json.dumps(question), capture_output=True, text=True, encoding="utf-8", check=True
    )
    return json.loads(done.stdout)
