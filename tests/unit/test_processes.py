"""Failures of git and uv, and the end of child processes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bootstrap.errors import InputError, MissingError
from bootstrap.processes import child, git, guarded_child, read_git, shell_line, uv, write_commit
from tests import helpers
from tests.attacks.environment import unprivileged
from tests.helpers import build_tree, tree


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie accepts signals, but does not run any more.
    stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return "Z" not in stat


def test_git_returns_its_output_without_the_last_newline(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    assert git("rev-parse", "--is-inside-work-tree", cwd=tmp_path) == "true"


def test_failed_git_reports_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="git rev-parse failed") as caught:
        git("rev-parse", "--verify", "nothing", cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert "not a git repository" in caught.value.why


def test_missing_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="git is not installed"):
        git("version", cwd=tmp_path)


def test_git_of_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows finds it first; elsewhere only where PATH has the folder."""
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")

    with pytest.raises(MissingError, match="git is not installed"):
        git("version", cwd=tmp_path)

    assert not (tmp_path / "ran").exists()


def test_uv_of_the_installation_is_used_without_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert uv("--version", cwd=tmp_path).startswith("uv ")


@pytest.mark.skipif(sys.platform == "win32", reason="ps lists process groups")
def test_end_of_the_block_ends_the_child_and_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    class StopError(Exception):
        pass

    pids: list[int] = []

    def start_and_fail() -> None:
        with child([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            pids.extend([process.pid, int(process.stdout.readline())])
            process.stdout.close()
            raise StopError

    with pytest.raises(StopError):
        start_and_fail()
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if alive(pid)]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be ignored there")
def test_child_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.processes._GRACE_SECONDS", 0.2)
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    with child([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert process.returncode is not None


def test_commit_is_written_without_filters_and_links_come_last(tmp_path: Path) -> None:
    repository = build_tree(tmp_path / "repository", {"teams/a.yaml": "a: 1\n", ".gitattributes": "* text eol=crlf\n"})
    (repository / "teams" / "b.yaml").symlink_to("a.yaml")
    helpers.git("init", "--quiet", cwd=repository)
    helpers.git("add", "--all", cwd=repository)
    helpers.git("commit", "--quiet", "--message", "all", cwd=repository)
    (tmp_path / "written").mkdir()

    write_commit(repository, helpers.git("rev-parse", "HEAD", cwd=repository), tmp_path / "written")

    assert (tmp_path / "written/teams/a.yaml").read_bytes() == b"a: 1\n"
    assert (tmp_path / "written/teams/b.yaml").is_symlink()
    assert (tmp_path / "written/teams/b.yaml").read_bytes() == b"a: 1\n"


def _blob(repository: Path, content: bytes = b"x") -> str:
    return _object(repository, "blob", content)


def _object(repository: Path, kind: str, content: bytes) -> str:
    command = ["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"]
    done = subprocess.run(command, cwd=repository, input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def _tree(*entries: tuple[str, str, str]) -> bytes:
    return b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(id_) for mode, name, id_ in entries)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    helpers.git("init", "--quiet", cwd=folder)
    return folder


def test_path_of_a_commit_that_leaves_its_folder_is_refused(repository: Path, tmp_path: Path) -> None:
    for name in ("..\\evil", "GIT~1", ".git "):
        tree = _object(repository, "tree", _tree(("100644", name, _blob(repository))))
        commit = helpers.git("commit-tree", tree, "-m", "evil", cwd=repository)

        with pytest.raises(InputError, match="leaves its folder"):
            write_commit(repository, commit, tmp_path / "written")


@pytest.mark.parametrize("link", ["a", "A"])
def test_commit_that_writes_through_a_link_is_refused(repository: Path, tmp_path: Path, link: str) -> None:
    (tmp_path / "outside").mkdir()
    to = _blob(repository, str(tmp_path / "outside").encode())
    inner = _object(repository, "tree", _tree(("120000", "pwned", _blob(repository))))
    entries = sorted([("120000", link, to), ("40000", "a", inner)], key=lambda entry: entry[1])
    commit = helpers.git("commit-tree", _object(repository, "tree", _tree(*entries)), "-m", "evil", cwd=repository)

    with pytest.raises(InputError, match="lead through a link or a file"):
        write_commit(repository, commit, tmp_path / "written")

    assert list((tmp_path / "outside").iterdir()) == []


def test_file_that_a_partial_clone_lacks_is_reported(repository: Path, tmp_path: Path) -> None:
    missing = "0123456789" * 4
    tree = _object(repository, "tree", _tree(("100644", "platform.yaml", missing)))
    commit = helpers.git("commit-tree", tree, "-m", "partial", cwd=repository)

    with pytest.raises(InputError, match=r"does not have the file platform\.yaml"):
        write_commit(repository, commit, tmp_path / "written")


def test_missing_object_of_a_partial_clone_is_not_fetched_by_a_command(repository: Path, tmp_path: Path) -> None:
    """git fetches missing objects when they are read, by any protocol that the repository's configuration allows."""
    missing = "0123456789" * 4
    tree = _object(repository, "tree", _tree(("100644", "platform.yaml", missing)))
    commit = helpers.git("commit-tree", tree, "-m", "partial", cwd=repository)
    for key, value in {
        "core.repositoryformatversion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c touch% {tmp_path / 'ran'}", "protocol.ext.allow": "always",
    }.items():  # fmt: skip
        helpers.git("config", key, value, cwd=repository)

    with pytest.raises(InputError):
        write_commit(repository, commit, tmp_path / "written")

    assert not (tmp_path / "ran").exists()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.processes._ANSWER_SECONDS", 0.3)


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", [".git/HEAD", ".git/config", ".git/included"])
def test_git_that_waits_for_a_pipe_is_ended(repository: Path, path: str) -> None:
    helpers.git("config", "include.path", "included", cwd=repository)
    _pipe(repository / path)

    with pytest.raises(TimeoutError, match="git gave no answer for 0 s"):
        read_git("rev-parse", "HEAD", cwd=repository)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["HEAD^{tree}", "HEAD:a.yaml"])
def test_commit_with_a_pipe_as_an_object_is_not_waited_for(repository: Path, tmp_path: Path, name: str) -> None:
    build_tree(repository, {"a.yaml": "a: 1\n"})
    helpers.git("add", "--all", cwd=repository)
    helpers.git("commit", "--quiet", "--message", "all", cwd=repository)
    object_ = helpers.git("rev-parse", name, cwd=repository)
    _pipe(repository / ".git/objects" / object_[:2] / object_[2:])

    with pytest.raises(TimeoutError, match="git gave no answer"):
        write_commit(repository, "HEAD", tmp_path / "written")


def _nested(repository: Path, entry: tuple[str, str, str], levels: int, times: int) -> str:
    """A commit of a tree of `levels`, each with the one below it under so many names."""
    for _ in range(levels):
        names = [f"{entry[1]}{number}" for number in range(times)]
        entry = ("40000", "d", _object(repository, "tree", _tree(*((entry[0], name, entry[2]) for name in names))))
    return helpers.git("commit-tree", entry[2], "-m", "bomb", cwd=repository)


@pytest.mark.parametrize(
    ("levels", "times", "words"), [(10, 10, "too many files"), (50, 1, "a path of 149 characters")]
)
def test_commit_of_too_many_or_too_deep_files_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, levels: int, times: int, words: str
) -> None:
    monkeypatch.setattr("bootstrap.processes._MAX_PATH", 148)
    commit = _nested(repository, ("100644", "f", _blob(repository)), levels, times)

    with pytest.raises(InputError, match=words):
        write_commit(repository, commit, tmp_path / "written")

    assert not (tmp_path / "written").exists()


def test_commit_of_too_many_bytes_is_refused(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.processes._MAX_COMMIT", 2**20)
    commit = _nested(repository, ("100644", "f", _blob(repository, b"0" * 2**18)), 1, 5)

    with pytest.raises(InputError, match="The file f4 exceeds the limit"):
        write_commit(repository, commit, tmp_path / "written")


def test_only_the_wanted_folder_of_a_commit_is_written(repository: Path, tmp_path: Path) -> None:
    build_tree(repository, {"platform/platform.yaml": "a: 1\n", "platforms/large.bin": "0", "large.bin": "0"})
    helpers.git("add", "--all", cwd=repository)
    helpers.git("commit", "--quiet", "--message", "all", cwd=repository)

    write_commit(repository, "HEAD", tmp_path / "written", "platform")

    assert helpers.tree(tmp_path / "written") == ["platform/platform.yaml"]


@pytest.mark.parametrize(("platform", "line"), [("linux", "cd 'a b' 'c&d'"), ("win32", 'cd "a b" c&d')])
def test_a_command_line_is_quoted_for_the_shell(monkeypatch: pytest.MonkeyPatch, platform: str, line: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    assert shell_line("cd", "a b", "c&d") == line


@pytest.mark.skipif(sys.platform == "win32", reason="processes are found by a signal")
def test_guarded_child_and_its_children_end_when_their_owner_is_killed() -> None:
    code = (
        "import os, subprocess, time\n"
        "print(os.getpid(), subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )
    owner = (
        "import sys; from pathlib import Path; from bootstrap.processes import guarded_child\n"
        "with guarded_child([sys.executable, '-c', sys.argv[1]], cwd=Path()) as process: process.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", owner, code], cwd=helpers.ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        children = [int(word) for word in process.stdout.readline().split()]
        assert len(children) == 2
        assert all(alive(child) for child in children)

        process.kill()

        until = time.monotonic() + 10
        while any(alive(child) for child in children):
            assert time.monotonic() < until, "the child outlived its owner"
            time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has mounts of a process")
def test_guarded_child_of_a_user_cannot_write_what_is_read_only() -> None:
    user = unprivileged()
    if subprocess.run([*user, "unshare", "--user", "--mount", "true"], check=False).returncode:
        pytest.skip("this system lets users create no namespaces")
    with tempfile.TemporaryDirectory() as folder:
        root = build_tree(Path(folder), {"input/rows.csv": "1\n", "steps/kept/x": "1\n", "steps/new/x": "1\n"})
        for path in (root, *root.rglob("*")):
            path.chmod(0o777)
        command = (
            "echo 2 >> input/rows.csv; rm input/rows.csv; touch input/new; echo 2 >> steps/kept/x; touch steps/other;"
            " mount -o remount,rw input; echo 2 >> steps/new/x; touch beside; id -u"
        )
        script = (
            "import sys; from pathlib import Path; from bootstrap.processes import guarded_child\n"
            "root = Path(sys.argv[1])\n"
            "paths = {'read_only': [root / 'steps', root / 'input'], 'writable': [root / 'steps/new']}\n"
            "with guarded_child(['bash', '-c', sys.argv[2]], cwd=root, **paths) as process: sys.exit(process.wait())"
        )
        done = subprocess.run(
            [*user, sys.executable, "-c", script, folder, command], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert tree(root) == ["beside", "input/rows.csv", "steps/kept/x", "steps/new/x"]
        contents = [
            (root / name).read_text(encoding="utf-8") for name in ("input/rows.csv", "steps/kept/x", "steps/new/x")
        ]
        assert contents == ["1\n", "1\n", "1\n2\n"]
        assert done.stderr.count("Read-only file system") == 5
        assert int(done.stdout) == (root / "beside").stat().st_uid


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals and permissions")
def test_guarded_child_reports_its_signal_and_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    with guarded_child([sys.executable, "-c", "import os; os.abort()"], cwd=tmp_path) as process:
        assert process.wait() == 128 + signal.SIGABRT
    program = tmp_path / "program"
    program.write_text("not executable", encoding="utf-8")
    with guarded_child([str(program)], cwd=tmp_path, stderr=subprocess.PIPE) as process, process:
        assert process.wait() == 126
        assert process.stderr is not None
        assert "cannot be run: Permission denied" in process.stderr.read().decode()
