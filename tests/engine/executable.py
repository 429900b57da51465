"""The `pulumi` executable that the tests run: the one on PATH, else one built here from the pinned Go module.

`python -m tests.engine.executable` prints where it is, and builds it before where that has to be. The official builds
come from a download server; a Go module proxy is what closed networks have, and its files have digests in go.sum.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock
from packaging.version import InvalidVersion, Version

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".tools" / "pulumi"
_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_NAME = "pulumi.exe" if os.name == "nt" else "pulumi"


class NoEngineError(Exception):
    """There is no `pulumi` here, and none can be built; the message says why."""


def find_or_build() -> Path:
    """An executable of the pinned version, or a newer one of its major version. The build takes minutes.

    Several processes may ask at once: one builds, the others wait for it.

    Raises:
        NoEngineError: There is none on PATH and no Go to build it, or the build failed.
    """
    on_path = shutil.which("pulumi")
    if on_path is not None and _is_compatible(Path(on_path)):
        return Path(on_path)
    built = built_path()
    if built.exists():
        return built
    built.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(built.parent / "lock"):
        if not built.exists():
            _build(built)
    return built


def pinned_version() -> Version:
    """The engine's version in go.mod."""
    found = re.search(r"^\s*github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (HERE / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return Version(found.group(1))


def built_path() -> Path:
    """Where the executable that go.mod and go.sum describe is kept."""
    digest = hashlib.sha256((HERE / "go.mod").read_bytes() + (HERE / "go.sum").read_bytes()).hexdigest()
    # The Automation API looks for the executable in a folder of this name.
    return CACHE / digest[:16] / "bin" / _NAME


def _is_compatible(executable: Path) -> bool:
    done = subprocess.run([executable, "version"], capture_output=True, text=True, check=False)
    try:
        version = Version(done.stdout.strip().removeprefix("v"))
    except InvalidVersion:
        return False
    pinned = pinned_version()
    return version >= pinned and version.major == pinned.major


def _build(target: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NoEngineError("there is no pulumi on PATH, and no Go to build it with")
    # It takes all cores for minutes; whatever else runs here goes first.
    nice = [path, "-n", "10"] if (path := shutil.which("nice")) is not None else []
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / _NAME
        flags = f"-s -w -X {_VERSION_VARIABLE}={pinned_version()}"
        command = [*nice, go, "build", "-C", str(HERE), "-o", str(made), "-ldflags", flags, _PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoEngineError(f"go could not build pulumi:\n{done.stderr[-2000:]}")
        made.replace(target)


if __name__ == "__main__":
    print(find_or_build())
