"""`links.yaml`: which links are refused, and what `platform link` writes."""

from pathlib import Path

import pytest

from bootstrap.errors import ExitCode, InputError
from bootstrap.manifests.links import link_of, with_link
from bootstrap.manifests.platform import load_platform
from infra.settings import EnvironmentSettings, HubSettings
from tests import worlds
from tests.helpers import build_tree, run_here
from tests.worlds import changed

GITHUB = "https://token.actions.githubusercontent.com"
PLATFORM = changed(
    worlds.PLATFORM,
    ("dev: {ring: 0}", "test: {ring: 0}\n  dev: {ring: 1}"),
    ("prod: {ring: 1", "prod: {ring: 2"),
)
TEAM = """\
name: fraud
environments: {dev: {}, test: {}, prod: {}}
projects: [{name: churn, repository: github:contoso/churn}]
"""
LINKS = """\
# Read from the forge by Anna
teams:
  fraud:
    churn: # moved in May
      dev: {issuer: https://token.actions.githubusercontent.com, subject: "repo:contoso@1/churn@2:environment:dev"}
"""
LINK = [
    "platform",
    "link",
    "fraud/churn",
    "test",
    "--issuer",
    GITHUB,
    "--subject",
    "repo:contoso@1/churn@2:environment:test",
]
LINK = [
    "platform",
    "link",
    "fraud/churn",
    "test",
    "--issuer",
    GITHUB,
    "--subject",
    "repo:contoso@1/churn@2:environment:test",
]


def world(root: Path, links: str = LINKS) -> Path:
    return build_tree(root, {"platform.yaml": PLATFORM, "teams/fraud.yaml": TEAM, "links.yaml": links})


def one(subject: str, *, issuer: str = GITHUB, environment: str = "dev") -> str:
    return f"teams: {{fraud: {{churn: {{{environment}: {{issuer: '{issuer}', subject: '{subject}'}}}}}}}}\n"


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (one("repo:contoso/churn:ref:refs/heads/main"), "names no environment, so any workflow of the repository"),
        (one("repo:contoso/churn:pull_request"), "names no environment"),
        (one("a:environment:dev", environment="pull-request"), "is that of deployments to an environment, not of pull"),
        (one("repo:*:environment:dev"), "must be 1 to 600 characters without *"),
        (
            one("a", issuer="https://forge.example").replace("dev", "dve"),
            "has no environment 'dve'. Did you mean 'dev'?",
        ),
        (f"platform: {{qa: {{issuer: '{GITHUB}', subject: 'a:environment:qa'}}}}\n", "the platform has no environment"),
        (
            one("a:environment:dev") + f"platform: {{dev: {{issuer: '{GITHUB}', subject: 'a:environment:dev'}}}}\n",
            "already is that of platform.dev, so one token would open both.",
        ),
    ],
)
def test_unsafe_links_are_refused(tmp_path: Path, links: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load_platform(world(tmp_path, links))

    assert len(caught.value.details) == 1
    assert expected in caught.value.details[0]
    assert "links.yaml:" in caught.value.details[0]


def test_the_subject_of_another_forge_is_taken_as_it_is(tmp_path: Path) -> None:
    """Azure DevOps' subjects carry ids and no environment."""
    links = one("/eid1/c/pub/t/AAAA/a/BBBB/sc/CCCC/dev", issuer="https://login.microsoftonline.com/t/v2.0")

    stacks = load_platform(world(tmp_path, links)).stacks

    settings = stacks["fraud-dev"]
    assert isinstance(settings, EnvironmentSettings)
    assert settings.projects[0].federation is not None


def test_pull_requests_look_at_the_environment_that_is_changed_first(tmp_path: Path) -> None:
    root = world(tmp_path, one("repo:contoso@1/churn@2:pull_request", environment="pull-request"))

    stacks = load_platform(root).stacks

    readers = {
        name: [project.reader.subject for project in stack.projects if project.reader is not None]
        for name, stack in stacks.items()
        if isinstance(stack, EnvironmentSettings)
    }
    assert readers == {"fraud-test": ["repo:contoso@1/churn@2:pull_request"], "fraud-dev": [], "fraud-prod": []}


def test_the_platforms_own_links_are_the_hubs(tmp_path: Path) -> None:
    links = "platform:\n" + "".join(
        f"  {name}: {{issuer: '{GITHUB}', subject: '{subject}'}}\n"
        for name, subject in (
            ("pull-request", "a:pull_request"),
            ("dev", "a:environment:dev"),
            ("prod", "a:environment:prod"),
        )
    )

    hub = load_platform(world(tmp_path, links)).stacks["hub"]

    assert isinstance(hub, HubSettings)
    subjects = {each.environment: each.federation and each.federation.subject for each in hub.deployers}
    assert subjects == {"dev": "a:environment:dev", "prod": "a:environment:prod", "test": None}
    assert hub.reader is not None
    assert (hub.reader.subject, hub.reader.origin) == ("a:pull_request", "links.yaml:2")


def link(root: Path, *arguments: str) -> tuple[int, str, str]:
    done = run_here("platform", "link", *arguments, "--issuer", GITHUB, "-C", root, cwd=root)
    return done.code, done.out, done.err


def test_a_link_is_written_and_everything_else_is_kept(tmp_path: Path) -> None:
    root = world(tmp_path)

    code, out, _ = link(root, "fraud/churn", "prod", "--subject", "repo:contoso@1/churn@2:environment:prod")

    text = (root / "links.yaml").read_text()
    assert code == ExitCode.DONE
    assert "+        subject: repo:contoso@1/churn@2:environment:prod" in out
    assert text.startswith(LINKS.rstrip("\n"))
    assert "# moved in May" in text
    stack = load_platform(root).stacks["fraud-prod"]
    assert isinstance(stack, EnvironmentSettings)
    assert stack.projects[0].federation is not None


def test_a_dry_run_shows_the_change_and_writes_nothing(tmp_path: Path) -> None:
    root = world(tmp_path)

    code, out, _ = link(root, "platform", "pull-request", "--subject", "repo:contoso@1/ml@3:pull_request", "--dry-run")

    assert code == ExitCode.DONE
    assert "+platform:" in out
    assert (root / "links.yaml").read_text() == LINKS


def test_the_same_link_again_changes_nothing(tmp_path: Path) -> None:
    root = world(tmp_path)
    arguments = ("fraud/churn", "prod", "--subject", "repo:contoso@1/churn@2:environment:prod")
    link(root, *arguments)
    before = (root / "links.yaml").read_bytes()

    code, out, _ = link(root, *arguments)

    assert (code, (root / "links.yaml").read_bytes()) == (ExitCode.DONE, before)
    assert "already has this link" in out


def test_the_first_link_makes_the_file(tmp_path: Path) -> None:
    text = with_link("", tmp_path / "links.yaml", "fraud/churn", "dev", link_of(GITHUB, "a:environment:dev"))

    assert text == (
        "schema_version: 1\nteams:\n  fraud:\n    churn:\n      dev:\n"
        f"        issuer: {GITHUB}\n        subject: a:environment:dev\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fraud/chrn", "dev", "--subject", "a:environment:dev"), "Did you mean 'churn'?"),
        (("frod/churn", "dev", "--subject", "a:environment:dev"), "Did you mean 'fraud'?"),
        (("fraud/churn", "dve", "--subject", "a:environment:dve"), "Did you mean 'dev'?"),
        (("fraud", "dev", "--subject", "a:environment:dev"), "Write TEAM/PROJECT, or platform"),
        (("fraud/churn", "dev", "--subject", "repo:contoso/churn:ref:refs/heads/main"), "names no environment"),
        (("fraud/churn", "prod", "--subject", "repo:contoso@1/churn@2:environment:dev"), "one token would open both"),
        (("fraud/churn", "prod", "--subject", " "), "without * and without spaces at the ends (found ' ').\n"),
    ],
)
def test_wrong_link_is_refused_and_not_written(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    root = world(tmp_path)

    code, out, err = link(root, *arguments)

    assert (code, out) == (ExitCode.INPUT, "")
    assert expected in err
    assert (root / "links.yaml").read_text() == LINKS


def test_refused_link_is_reported_without_a_line_that_is_not_written(tmp_path: Path) -> None:
    root = world(tmp_path)

    code, _, err = link(root, "fraud/chorn", "dev", "--subject", "repo:contoso@1/churn@2:environment:other")

    assert code == ExitCode.INPUT
    assert "error: fraud/chorn dev cannot be linked." in err
    assert "  fraud/chorn dev: the team 'fraud' has no project 'chorn'. Did you mean 'churn'?" in err
    assert "links.yaml:" not in err


def test_mistakes_that_links_already_had_are_reported_with_their_lines(tmp_path: Path) -> None:
    root = world(tmp_path, f"# A comment.\n{LINKS}  frod: {{}}\n")
    line = len((root / "links.yaml").read_text().splitlines())

    code, _, err = link(root, "fraud/churn", "prod", "--subject", "repo:contoso@1/churn@2:environment:prod")

    assert code == ExitCode.INPUT
    assert f"links.yaml:{line}:3: there is no team 'frod'." in err
    assert "fraud/churn prod:" not in err


def test_a_symbolic_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    root = world(tmp_path / "platform")
    outside = tmp_path / "outside.yaml"
    outside.write_text("secret: value\n")
    (root / "links.yaml").unlink()
    (root / "links.yaml").symlink_to(outside)

    done = run_here(*LINK, cwd=root)

    assert done.code == ExitCode.INPUT
    assert "symbolic link out of" in done.err
    assert "secret" not in done.out + done.err
    assert outside.read_text() == "secret: value\n"


def test_a_symbolic_link_within_the_repository_is_kept(tmp_path: Path) -> None:
    root = world(tmp_path)
    (root / "links.yaml").rename(root / "shared.yaml")
    (root / "links.yaml").symlink_to("shared.yaml")

    done = run_here(*LINK, cwd=root)

    assert done.code == ExitCode.DONE, done.err
    assert (root / "links.yaml").is_symlink()
    assert "environment:test" in (root / "shared.yaml").read_text()


def test_a_link_is_refused_where_another_version_is_pinned(tmp_path: Path) -> None:
    root = build_tree(world(tmp_path), {"platform.yaml": PLATFORM + 'tool: "99.*"\n'})

    done = run_here(*LINK, cwd=root)

    assert done.code == ExitCode.INPUT
    assert "Run the pinned version: uvx" in done.err
