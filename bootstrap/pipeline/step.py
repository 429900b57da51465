"""Runs one step: its command, in a copy of its code, with its outputs moved into the cache if all is well."""

import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from bootstrap.digest import NOT_CODE, copy_tree, digest_tree, stamps
from bootstrap.errors import InputError
from bootstrap.files import remove_tree, staging_folder
from bootstrap.model.records import Artifact, Step, write_record
from bootstrap.pipeline.cache import CODE, STEP, PreparedRun
from bootstrap.pipeline.environment import program, step_environment
from bootstrap.pipeline.graph import Job, Value
from bootstrap.pipeline.record import artifact, step_record
from bootstrap.processes import end, guarded_child


class Steps:
    """The steps of one run: runs each, and can end those in progress."""

    def __init__(self, work: PreparedRun, folder: Path, interpreter: Path) -> None:
        self._work, self._folder, self._interpreter = work, folder, interpreter
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, job: Job, key: str, inputs: Mapping[str, Artifact | Value], run_id: str | None) -> Step:
        """Run the job's command; if it succeeds, move its outputs into the cache."""
        project = self._work.project
        place = self._work.folder(job, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        log = self._folder / "logs" / f"{job.name}.log"
        with staging_folder(place.parent) as staging:
            scratch = staging / job.name
            code, code_sha256 = scratch / CODE, self._work.code[job.name]
            written = {name: scratch / name for name in job.outputs}
            used = {project.root / one.path: one.sha256 for one in inputs.values() if isinstance(one, Artifact)}
            used[code] = code_sha256
            with self._work.measured("digests"):
                copied = copy_tree(job.code, code, NOT_CODE)
                before = {path: stamps(path, project.root) for path in used}
            for name, type_ in job.outputs.items():
                if type_ != "uri_file":
                    written[name].mkdir()
            began = time.monotonic()
            digests: dict[str, str] = {}
            with log.open("xb") as file:
                if copied == code_sha256:
                    problem = self._command(job, code, inputs, written, run_id, file)
                else:
                    problem = f"{job.code} changed after the run had started. Run again."
                seconds = time.monotonic() - began
                if not problem:
                    with self._work.measured("digests"):
                        problem, digests = _results(project.root, used, before, written)
                file.write(f"\n{problem}\n".encode() if problem else b"")
            record = step_record(
                project,
                job,
                "completed" if not problem else "interrupted" if self._stopping else "failed",
                {name: artifact(project, place / name, sha256) for name, sha256 in digests.items()},
                seconds=round(seconds, 3),
                key=key,
                inputs=inputs,
                code=None if problem else artifact(project, place / CODE, code_sha256),
                log=log.relative_to(project.root).as_posix(),
                mlflow_run_id=run_id,
            )
            if not problem:
                write_record(scratch / STEP, record)
                remove_tree(place)  # damaged, or ignored because of --no-cache
                scratch.rename(place)
            return record

    def _command(
        self, job: Job, code: Path, inputs: Mapping[str, Artifact | Value], outputs: Mapping[str, Path],
        run_id: str | None, log: BinaryIO,
    ) -> str:  # fmt: skip
        """Run the command with its output in `log`; return the problem, empty if it succeeded."""
        root = self._work.project.root
        values = {name: root / one.path if isinstance(one, Artifact) else one for name, one in inputs.items()}
        arguments = job.arguments(values, outputs)
        found = program(arguments[0], self._interpreter)
        environment = step_environment(self._work.project, self._interpreter, self._work.pipeline, run_id)
        environment |= job.environment
        if found is None:
            return f"The program {arguments[0]} is not in the project's environment and not on PATH."
        with guarded_child(
            [found, *arguments[1:]], cwd=code, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process:
            with self._lock:
                self._processes.add(process)
                stopping = self._stopping
            exit_code = process.wait() if not stopping else -1
            with self._lock:
                self._processes.discard(process)
        missing = [name for name, path in outputs.items() if not path.exists() or path.is_symlink()]
        if exit_code:
            return f"The command failed with exit code {exit_code}."
        return f"The command did not create its outputs: {', '.join(missing)}." if missing else ""

    def stop(self) -> None:
        """End the steps in progress, and start no other."""
        with self._lock:
            self._stopping = True
            processes = list(self._processes)
        with ThreadPoolExecutor(max_workers=len(processes) or 1) as pool:  # each may need some seconds to end
            list(pool.map(end, processes))


def _results(
    root: Path, used: Mapping[Path, str], before: Mapping[Path, Mapping[str, object]], written: Mapping[str, Path]
) -> tuple[str, dict[str, str]]:
    """The digests of what a step wrote; none, but the problem, if its code or an input changed while it ran.

    Args:
        used: The digests of the step's code and inputs.
        before: Their stamps before it ran.
    """
    try:
        for path, sha256 in used.items():
            differing = {name for name, _ in before[path].items() ^ stamps(path, root).items()}
            if differing or digest_tree(path) != sha256:
                # A new file changes its folder, too: folders are named only where no file differs.
                files = {name for name in differing if not name.endswith("/")}
                named = ", ".join(sorted(files or differing)[:6])
                return (
                    f"{path} changed while the step ran ({named}): its outputs are not kept. A step writes only"
                    " into its outputs or into temporary folders."
                ), {}
        return "", {name: digest_tree(path) for name, path in written.items()}
    except InputError as error:  # a link or a pipe
        return error.what, {}
    except FileNotFoundError as error:
        return f"{error.filename} was removed while the step ran: its outputs are not kept.", {}
