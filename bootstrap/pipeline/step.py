"""Runs one step: its command, in a copy of its code, with its outputs moved into the cache if all is well."""

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from bootstrap.digest import copy_files, digest_text, digest_tree, stamps
from bootstrap.errors import InputError
from bootstrap.files import make_read_only, remove_tree, staging_folder
from bootstrap.model.records import Artifact, Step, write_record
from bootstrap.pipeline.cache import CODE, STEP, PreparedRun
from bootstrap.pipeline.environment import job_variables, step_environment
from bootstrap.pipeline.expressions import command_text
from bootstrap.pipeline.graph import ARTIFACTS, Job, Value
from bootstrap.pipeline.record import artifact, step_record
from bootstrap.processes import end, guarded_child

_UPLOADED = ("outputs", "logs")
"""The folders in the working folder whose content Azure ML keeps.

https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files#where-to-write-files
"""

_PLAIN = re.compile(r"[\w@%+=:,./~-]+")
"""Paths that a shell reads as one word without quotes."""


class Steps:
    """The steps of one run: runs each, and can end those in progress.

    Args:
        folder: The folder of the run.
        shell: The bash that runs commands.
        links: A folder for links to folders whose paths a shell would split.
    """

    def __init__(self, work: PreparedRun, folder: Path, interpreter: Path, shell: str, links: Path) -> None:
        self._work, self._folder, self._interpreter = work, folder, interpreter
        self._shell, self._links = shell, links
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
            kept, working = staging / job.name, staging / "code"
            used = {project.root / one.path: one.sha256 for one in inputs.values() if isinstance(one, Artifact)}
            written = {name: kept / name for name in job.outputs if name != ARTIFACTS or not job.keeps_artifacts}
            with self._work.measured("digests"):
                copied = self._copy_code(job, kept / CODE) and self._copy_code(job, working)
                before = {path: stamps(path, project.root) for path in used}
            for name, path in written.items():
                if job.outputs[name] != "uri_file":
                    path.mkdir()
            for name in _UPLOADED:
                with contextlib.suppress(FileExistsError):
                    (working / name).mkdir()
            began = time.monotonic()
            digests: dict[str, str] = {}
            with log.open("xb") as file:
                if copied:
                    problem = self._command(job, working, inputs, written, run_id, file)
                else:
                    problem = f"The code of {job.name} changed after the run had started. Run again."
                seconds = time.monotonic() - began
                if not problem:
                    with self._work.measured("digests"):
                        uploaded = [working / name for name in _UPLOADED if _has_content(working / name)]
                        if job.keeps_artifacts and (uploaded or ARTIFACTS in job.outputs):
                            written[ARTIFACTS] = kept / ARTIFACTS
                            written[ARTIFACTS].mkdir()
                            for folder in uploaded:
                                folder.rename(written[ARTIFACTS] / folder.name)
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
                code=None if problem else artifact(project, place / CODE, self._work.code[job.name]),
                log=log.relative_to(project.root).as_posix(),
                mlflow_run_id=run_id,
            )
            if not problem:
                make_read_only(kept)
                write_record(kept / STEP, record)
                remove_tree(place)  # damaged, or ignored because of --no-cache
                kept.rename(place)
            return record

    def _copy_code(self, job: Job, target: Path) -> bool:
        """Copy the job's code into a new folder; return whether it is still the code whose digest is known."""
        try:
            return copy_files(self._work.files[job.name], target) == self._work.code[job.name]
        except FileNotFoundError:
            return False

    def _command(
        self, job: Job, working: Path, inputs: Mapping[str, Artifact | Value], outputs: Mapping[str, Path],
        run_id: str | None, log: BinaryIO,
    ) -> str:  # fmt: skip
        """Run the job's command with its output in `log`; return the problem, empty if it succeeded."""
        project = self._work.project
        values = {
            name: self._plain(project.root / one.path) if isinstance(one, Artifact) else one
            for name, one in inputs.items()
        }
        written = {name: self._plain(path) for name, path in outputs.items()}
        variables = step_environment(project, self._interpreter, self._work.pipeline, run_id)
        variables |= job_variables(run_id or f"{self._folder.name}-{job.name}", values, written) | dict(job.environment)
        problem = self.command(
            command_text(job.command, values, written), working, variables, log,
            read_only=[project.root / one.path for one in inputs.values() if isinstance(one, Artifact)],
            timeout=job.timeout,
        )  # fmt: skip
        missing = [name for name, path in outputs.items() if not path.exists() or path.is_symlink()]
        return problem or (f"The command did not create its outputs: {', '.join(missing)}." if missing else "")

    def command(
        self, text: str, working: Path, variables: Mapping[str, str], log: BinaryIO, *,
        read_only: Sequence[Path] = (), timeout: float | None = None,
    ) -> str:  # fmt: skip
        """Run a command in the folder `working`, which lies in one of `staging_folder`; return the problem, if any.

        Args:
            read_only: What the command cannot write, where the system allows it; the outputs of other steps neither.
            timeout: The seconds after which it is ended.
        """
        steps, staging = working.parents[1], working.parent
        with guarded_child(
            [self._shell, "-c", text], cwd=working, env=variables, stdout=log, stderr=subprocess.STDOUT,
            read_only=[steps, *read_only], writable=[staging],
        ) as process:  # fmt: skip
            with self._lock:
                self._processes.add(process)
                stopping = self._stopping
            try:
                exit_code = process.wait(timeout) if not stopping else -1
            except subprocess.TimeoutExpired:
                return f"The command was ended after {timeout:g} s, its limits.timeout."
            finally:
                with self._lock:
                    self._processes.discard(process)
        return f"The command failed with exit code {exit_code}." if exit_code else ""

    def _plain(self, path: Path) -> Path:
        """The same path for a command: through a link, where the folders above it have spaces or special characters.

        In Azure ML only the name of a file or folder comes from the user.
        """
        if _PLAIN.fullmatch(path.parent.as_posix()) or not _PLAIN.fullmatch(self._links.as_posix()):
            return path
        link = self._links / digest_text(str(path.parent))[:12]
        try:
            with contextlib.suppress(FileExistsError):
                link.symlink_to(path.parent, target_is_directory=True)
        except OSError:  # Windows requires a privilege for it
            return path
        return link / path.name

    def adopt(self, job: Job, key: str, trial: Job, best: Step, *, seconds: float, log: Path) -> Step:
        """Make the outputs of the best trial those of its sweep job: its folder in the cache becomes the job's."""
        project, source, place = self._work.project, self._work.folder(trial, best.key), self._work.folder(job, key)
        record = step_record(
            project,
            job,
            "completed",
            {name: artifact(project, place / name, one.sha256) for name, one in best.outputs.items()},
            seconds=seconds,
            key=key,
            inputs=best.inputs,
            code=artifact(project, place / CODE, self._work.code[job.name]),
            log=log.relative_to(project.root).as_posix(),
            mlflow_run_id=best.mlflow_run_id,
        )
        write_record(source / STEP, record)
        remove_tree(place)
        source.rename(place)
        return record

    @property
    def stopping(self) -> bool:
        """Whether no other step may start."""
        return self._stopping

    def stop(self) -> None:
        """End the steps in progress, and start no other."""
        with self._lock:
            self._stopping = True
            processes = list(self._processes)
        with ThreadPoolExecutor(max_workers=len(processes) or 1) as pool:  # each may need some seconds to end
            list(pool.map(end, processes))


def _has_content(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _results(
    root: Path, used: Mapping[Path, str], before: Mapping[Path, Mapping[str, object]], written: Mapping[str, Path]
) -> tuple[str, dict[str, str]]:
    """The digests of what a step wrote; none, but the problem, if an input changed while it ran.

    Args:
        used: The digests of the step's inputs.
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
                    f"{path} changed while the step ran ({named}): its outputs are not kept. Inputs are read-only, as"
                    " in Azure ML: a step writes only into its outputs, its working folder or temporary folders."
                ), {}
        return "", {name: digest_tree(path) for name, path in written.items()}
    except InputError as error:  # a link or a pipe
        return error.what, {}
    except FileNotFoundError as error:
        return f"{error.filename} was removed while the step ran: its outputs are not kept.", {}
    except PermissionError as error:
        return f"{error.filename} cannot be read: the outputs of the step are not kept.", {}
