"""The CI files that `platform init` writes: they pass the forge's checks, and their commands do what they are for."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bootstrap.forge.interface import ENGINE
from bootstrap.processes import uv_executable
from bootstrap.simulator.provider import install
from bootstrap.simulator.store import Store
from bootstrap.yaml import read
from tests.engine.conftest import found_or_skipped
from tests.engine.executable import pinned_version
from tests.helpers import ROOT, git, run_here

SOURCES = (
    None,
    "https://pkgs.contoso.example/simple/",
    "git+https://github.com/contoso/mlops-bootstrap@" + "a" * 40,
    "tools/mlops_bootstrap-0.1.0-py3-none-any.whl",
    "https://pkgs.contoso.example/mlops_bootstrap-0.1.0-py3-none-any.whl#sha256=" + "b" * 64,
)
GITHUB = [f".github/workflows/{name}.yml" for name in ("platform", "deploy", "ring", "drift")]
AZURE_DEVOPS = [
    "azure-pipelines.yml",
    *(f".azure-pipelines/{name}.yml" for name in ("deploy", "environment", "drift", "drift-of")),
]
PULL_REQUESTS = {"github": GITHUB[0], "azure-devops": AZURE_DEVOPS[0]}
IDS = ("--subscription", "11111111-2222-3333-4444-555555555555", "--tenant", "66666666-7777-8888-9999-000000000000",
       "--email", "ml@contoso.example", "--organization", "contoso")  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs the commands in a POSIX shell")


def init(folder: Path, forge: str, source: str | None = None) -> Path:
    options = ["--tool-source", source] if source else []
    done = run_here("platform", "init", "platform", "--defaults", *IDS, "--forge", forge, *options, cwd=folder)
    assert done.code == 0, done.err
    return folder / "platform"


def check(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES)
def test_workflows_pass_zizmor_and_actionlint(tmp_path: Path, actionlint: Path, source: str | None) -> None:
    root = init(tmp_path, "github", source)

    check(str(Path(sys.executable).with_name("zizmor")), "--offline", "--quiet", "--pedantic", ".github", cwd=root)
    check(str(actionlint), "-shellcheck=", "-pyflakes=", *GITHUB, cwd=root)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("forge", "paths", "schema"),
    [("github", GITHUB, "vendor.github-workflows"), ("azure-devops", AZURE_DEVOPS, "vendor.azure-pipelines")],
)
def test_ci_files_follow_the_schema_of_the_forge(
    tmp_path: Path, forge: str, paths: list[str], schema: str, source: str | None
) -> None:
    root = init(tmp_path, forge, source)
    for path in paths:
        (root / path).write_text(expanded((root / path).read_text(encoding="utf-8")), encoding="utf-8")

    program = str(Path(sys.executable).with_name("check-jsonschema"))
    check(program, "--builtin-schema", schema, "--regex-variant", "nonunicode", *paths, cwd=root)


def expanded(text: str) -> str:
    """A CI file of Azure DevOps with values for its parameters and runtime expressions, which its schema does not allow.

    https://learn.microsoft.com/azure/devops/pipelines/process/expressions
    """
    text = re.sub(r"\$\{\{ parameters\.environment \}\}", "dev", text)
    return re.sub(r"matrix: \$\[.*\]", "matrix: {dev_1: {stacks: health-dev}}", text)


def jobs_of(root: Path, path: str) -> dict[str, Any]:
    """The jobs of a CI file by their names."""
    jobs = read(root / path).data["jobs"]
    return dict(jobs) if isinstance(jobs, dict) else {job["job"]: job for job in jobs}


def scripts_of(root: Path, path: str, job: str) -> dict[str, str]:
    """The shell scripts of a job by the names of their steps."""
    steps = jobs_of(root, path)[job]["steps"]
    found = {}
    for step in steps:
        inline = step.get("inputs", {}).get("inlineScript")
        if text := step.get("run") or step.get("script") or inline:
            found[step.get("name") if "run" in step else step["displayName"]] = text
    return found


def run_script(script: str, forge: str, *, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a step's script as the forge's runner does, and return what it printed."""
    # https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    options = ["-e"] if forge == "github" else []
    done = subprocess.run(["bash", *options, "-c", script], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a runner. Its `uvx` is this checkout: the version that it would install is not published."""
    folder = tmp_path / "bin"
    folder.mkdir()
    start = f'exec "{sys.executable}" -m bootstrap "$@"'
    program(folder / "uvx", f'test "$1" = --from && test "$3" = mlops-bootstrap || exit 9\nshift 3\n{start}')
    author = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    cache = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path / "home")}
    places = {name: str(tmp_path / "temp") for name in ("RUNNER_TEMP", "AGENT_TEMPDIRECTORY")}
    (tmp_path / "temp").mkdir()
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT")}
    env = {**author, **cache, **places, **files, "PATH": path, "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path)}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **env, "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def pull_request(root: Path) -> None:
    """Check out the merge of a change into main, as the forges do for a pull request; main has changed meanwhile."""
    git("checkout", "--quiet", "-b", "change", cwd=root)
    done = run_here("platform", "team", "add", "health", "--environment", "dev", "--budget", "500", "-C", root, cwd=root)
    assert done.code == 0, done.err
    git("add", "--all", cwd=root)
    git("commit", "--quiet", "--message", "A team", cwd=root)
    git("checkout", "--quiet", "main", cwd=root)
    (root / "README.md").write_text("changed\n", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "Words", cwd=root)
    git("update-ref", "refs/remotes/origin/main", "main", cwd=root)
    git("checkout", "--quiet", "--detach", cwd=root)
    git("merge", "--quiet", "--no-ff", "--message", "Merge", "change", cwd=root)


@pytest.mark.parametrize(("forge", "report"), [("github", "temp/report.md"), ("azure-devops", "report.md")])
def test_commands_of_a_pull_request_report_what_it_changes(
    tmp_path: Path, runner: dict[str, str], forge: str, report: str
) -> None:
    root = init(tmp_path, forge)
    pull_request(root)
    scripts = scripts_of(root, PULL_REQUESTS[forge], "check")

    for name in ("Validate", "Diff", "Report"):
        run_script(scripts[name], forge, cwd=root, env=runner)

    text = (tmp_path / report).read_text(encoding="utf-8")
    assert "| `health-dev` | added |" in text
    assert "There is no rehearsal: the log of the job shows why." in text


@pytest.mark.slow
def test_pull_request_is_rehearsed(tmp_path: Path, runner: dict[str, str]) -> None:
    """On GitHub; the commands for Azure DevOps differ in names of folders and of the target branch only."""
    engine = found_or_skipped()
    root = init(tmp_path, "github")
    pull_request(root)
    scripts = scripts_of(root, PULL_REQUESTS["github"], "check")
    other = init(tmp_path / "temp", "azure-devops")
    same = scripts_of(other, PULL_REQUESTS["azure-devops"], "check")["Rehearse"].replace("AGENT_TEMPDIRECTORY", "RUNNER_TEMP")
    same = same.replace('"origin/${SYSTEM_PULLREQUEST_TARGETBRANCH#refs/heads/}"', "HEAD^1")
    assert same.replace("\\\n", "").split() == scripts["Rehearse"].split()
    installer = f'mkdir -p "$HOME/.pulumi/bin"; ln -s {engine} "$HOME/.pulumi/bin/pulumi"; echo "$@" > "$HOME/installed"'
    program(tmp_path / "bin/curl", f"cat <<'END'\n{installer}\nEND")
    run_script(scripts["Install Pulumi"], "github", cwd=root, env=runner)
    home = Path(runner["HOME"])
    added = Path(runner["GITHUB_PATH"]).read_text().strip()
    assert (home / "installed").read_text() == f"--version {ENGINE}\n"
    # The stack that the pull request adds is enough here.
    script = scripts["Rehearse"].replace("--all", "health-dev")

    run_script(script, "github", cwd=root, env={**runner, "PATH": os.pathsep.join([added, runner["PATH"]])})

    text = (tmp_path / "temp/rehearsal.md").read_text(encoding="utf-8")
    assert "| `health-dev` | changed |" in text or "| `health-dev` | added |" in text


def test_ci_installs_the_engine_of_the_tests() -> None:
    assert str(pinned_version()) == ENGINE


class Recorder(ThreadingHTTPServer):
    """A server on loopback that records what it is asked: method, path, headers, body.

    Attributes:
        answers: The body of the response to each method.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        content = json.dumps(self.server.answers.get(self.command, {})).encode()
        self.send_response(200 if self.command in self.server.answers else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names of the base class

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def recording(**answers: Any) -> Iterator[Recorder]:
    with Recorder(answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("file", ["uv.toml", "pyproject.toml"])
@pytest.mark.parametrize("command", [("tool", "run", "--from"), ("pip", "install", "--target", "packages")])
@pytest.mark.parametrize("forge", PULL_REQUESTS)
def test_settings_of_a_pull_request_do_not_decide_what_is_installed(
    tmp_path: Path, runner: dict[str, str], forge: str, command: tuple[str, ...], file: str
) -> None:
    """`uvx` (`uv tool run`) reads no settings of the folder anyway; with the variables of CI no command of uv does."""
    root = init(tmp_path, forge)
    document = read(root / PULL_REQUESTS[forge]).data
    variables = document["env"] if forge == "github" else document["variables"]
    own = {key: value for key, value in runner.items() if not key.startswith("UV_")}
    with recording() as ours, recording() as theirs:
        (root / file).write_text(f'[[{"index" if file == "uv.toml" else "tool.uv.index"}]]\nurl = "{theirs.url}"\n')
        words = [uv_executable(), *command, "mlops-bootstrap==0.1.*", "mlops-bootstrap"]
        env = {**own, **variables, "UV_DEFAULT_INDEX": ours.url, "UV_CACHE_DIR": str(tmp_path / "uv"), "NO_PROXY": "*"}
        done = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert ours.asked, done.stderr
    assert not theirs.asked


def test_python_of_the_agent_does_not_run_code_of_the_repository(tmp_path: Path, runner: dict[str, str]) -> None:
    root = init(tmp_path, "azure-devops")
    (root / "pip.py").write_text("open('run', 'w')\n")
    for path in AZURE_DEVOPS:
        for line in re.findall(r"script: (python .*)", (root / path).read_text()):
            assert "pip install uv==" in line
            script = line.replace("install uv==", "--version #")
            subprocess.run(["bash", "-c", f"{script}"], cwd=root, env=runner, check=False, capture_output=True)

    assert not (root / "run").exists()


@pytest.mark.parametrize("path", [*GITHUB, *AZURE_DEVOPS])
def test_jobs_with_credentials_never_work_on_a_pull_request(tmp_path: Path, path: str) -> None:
    root = init(tmp_path, "github" if path in GITHUB else "azure-devops")
    text = (root / path).read_text(encoding="utf-8")

    if path in PULL_REQUESTS.values():
        checking = json.dumps(jobs_of(root, path)["check"])
        assert not re.search(r"id-token|AZURE_|AzureCLI|System.AccessToken|GH_TOKEN|secrets\.|: \"write", checking)
        assert "checkout" not in json.dumps(jobs_of(root, path)["comment"]).replace('"checkout": "none"', "")
        assert "TOOL" not in text
    else:
        assert "pull_request" not in text
        assert path not in AZURE_DEVOPS or "trigger" not in text or "pr: none" in text


def test_login_of_a_job_is_kept_in_a_file_of_its_own(tmp_path: Path, runner: dict[str, str]) -> None:
    root = init(tmp_path, "github")
    script = scripts_of(root, GITHUB[2], "up")["Log in"].replace("sleep 180", "false")
    with recording(GET={"value": "a.b.c"}) as issuer:
        request = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request",
            "CLIENT": "client", "TENANT": "tenant", "NO_PROXY": "*",
        }  # fmt: skip
        run_script(script, "github", cwd=root, env={**runner, **request})

    [(_, path, headers, _)] = issuer.asked
    assert (path, headers["Authorization"]) == ("/?v=1&audience=api://AzureADTokenExchange", "bearer request")
    variables = dict(line.split("=", 1) for line in Path(runner["GITHUB_ENV"]).read_text().splitlines())
    file = Path(variables["AZURE_FEDERATED_TOKEN_FILE"])
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a.b.c", 0o600)
    assert variables["ARM_CLIENT_ID"] == variables["AZURE_CLIENT_ID"] == "client"
    assert variables["ARM_USE_OIDC"] == "true"


@pytest.mark.parametrize("earlier", [False, True])
def test_comment_on_github_replaces_the_earlier_one(tmp_path: Path, runner: dict[str, str], earlier: bool) -> None:
    root = init(tmp_path, "github")
    (root / "report").mkdir()
    (root / "report/report.md").write_text("é" * 40_000, encoding="utf-8")
    address = "https://api.github.example/comments/1" if earlier else ""
    program(tmp_path / "bin/gh", f'echo "$@" >> {tmp_path}/asked; case "$*" in *--jq*) printf %s "{address}";; esac')
    script = scripts_of(root, GITHUB[0], "comment")["Comment"]

    run_script(script, "github", cwd=root, env={**runner, "COMMENTS": "repos/a/b/issues/7/comments", "RUN": "https://run"})

    comment = (root / "comment.md").read_text(encoding="utf-8")
    assert comment.startswith("<!-- mlops-bootstrap -->\n")
    assert comment.endswith("\n[All of it](https://run)\n")
    assert len(comment.encode()) < 65_536
    last = (tmp_path / "asked").read_text().splitlines()[-1]
    assert last.startswith(f"api --method PATCH {address}" if earlier else "api --method POST repos/a/b/issues/7/comments")


@pytest.mark.parametrize("earlier", [False, True])
def test_comment_on_azure_devops_replaces_the_earlier_one(tmp_path: Path, runner: dict[str, str], earlier: bool) -> None:
    root = init(tmp_path, "azure-devops")
    (tmp_path / "report-1").mkdir()
    (tmp_path / "report-1/report.md").write_text("| `health-dev` | added |\n", encoding="utf-8")
    others = [{"id": 1, "comments": [{"id": 1, "content": "Why?"}]}, {"id": 2, "comments": [{"id": 1}]}]
    ours = [{"id": 3, "comments": [{"id": 5, "content": "<!-- mlops-bootstrap -->\nold"}]}] if earlier else []
    script = scripts_of(root, AZURE_DEVOPS[0], "comment")["Comment"]
    with recording(GET={"value": [*others, *ours]}, POST={}, PATCH={}) as forge:
        env = {
            "SYSTEM_COLLECTIONURI": forge.url, "SYSTEM_TEAMPROJECTID": "project", "BUILD_REPOSITORY_ID": "repository",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "7", "SYSTEM_ACCESSTOKEN": "token", "PIPELINE_WORKSPACE": str(tmp_path),
            "NO_PROXY": "*",
        }  # fmt: skip
        run_script(script, "azure-devops", cwd=root, env={**runner, **env})

    threads = "/project/_apis/git/repositories/repository/pullRequests/7/threads"
    method, path, headers, body = forge.asked[-1]
    assert headers["Authorization"] == "Bearer token"
    content = body["content"] if earlier else body["comments"][0]["content"]
    assert content == "<!-- mlops-bootstrap -->\n| `health-dev` | added |\n"
    expected = ("PATCH", f"{threads}/3/comments/5?api-version=7.1") if earlier else ("POST", f"{threads}?api-version=7.1")
    assert (method, path) == expected


@pytest.mark.slow
def test_job_of_a_ring_deploys_its_share_as_previewed(tmp_path: Path, runner: dict[str, str]) -> None:
    engine = found_or_skipped()
    root = init(tmp_path, "github")
    pull_request(root)
    install(tmp_path / "provider", tmp_path / "azure.sqlite")
    env = {
        **runner, "PATH": os.pathsep.join([str(engine.parent), str(tmp_path / "provider"), runner["PATH"]]),
        "PULUMI_HOME": str(tmp_path / "engine"), "PULUMI_CONFIG_PASSPHRASE": "for this test only",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true", "MLOPS_BOOTSTRAP_BACKEND": "file", "RING": "0",
    }  # fmt: skip
    run_script(scripts_of(root, GITHUB[2], "stacks")["Matrix"], "github", cwd=root, env=env)
    matrix = json.loads(Path(runner["GITHUB_OUTPUT"]).read_text().removeprefix("matrix="))
    [share] = matrix["include"]
    assert share == {
        "share": "dev-1", "environment": "dev", "approval": "dev", "protect": "false", "stacks": "health-dev"
    }  # fmt: skip
    env |= {"STACKS": share["stacks"], "ENVIRONMENT": share["environment"]}

    run_script(scripts_of(root, GITHUB[2], "preview")["Preview"], "github", cwd=root, env=env)
    assert not Store(tmp_path / "azure.sqlite").ids
    run_script(scripts_of(root, GITHUB[2], "up")["Deploy"], "github", cwd=root, env=env)

    assert "health-dev" in Path(runner["GITHUB_STEP_SUMMARY"]).read_text()
    assert any(id_.endswith("workspaces/mlw-contoso-health-dev") for id_ in Store(tmp_path / "azure.sqlite").ids)


def test_every_ring_of_a_new_platform_has_a_job(tmp_path: Path) -> None:
    root = init(tmp_path, "github")
    rings = {one["ring"] for one in read(root / "platform.yaml").data["environments"].values()}

    jobs = jobs_of(root, GITHUB[1])

    assert {job["with"]["ring"] for job in jobs.values()} == rings
    assert [job.get("needs") for job in jobs.values()] == [None, "ring-0"]
