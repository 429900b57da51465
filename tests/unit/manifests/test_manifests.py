"""Manifests: which are valid, and the mistakes that are reported for the others."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bootstrap.errors import BootstrapError, InputError, MissingError
from bootstrap.manifests import schema as manifests
from bootstrap.manifests.locate import stack_names
from bootstrap.manifests.platform import Platform, find_platform, load_platform, warnings_of
from bootstrap.manifests.schema import MODELS, TAGS, schema_files
from bootstrap.yaml import parse
from infra.settings import EXAMPLE_EMAIL, EnvironmentSettings, HubSettings
from tests.helpers import CONTOSO, build_tree
from tests.worlds import PLATFORM, TEAM, world

LOGS = (
    "/subscriptions/00000000-0000-0000-0000-00000000000c/resourceGroups/rg-logs/providers/"
    "Microsoft.OperationalInsights/workspaces/log-all"
)


def mistakes(root: Path) -> list[str]:
    """The reported mistakes, without the path of the folder."""
    with pytest.raises(InputError) as caught:
        load_platform(root)
    return [detail.replace(f"{root}/", "") for detail in caught.value.details]


def dev(platform: Platform) -> EnvironmentSettings:
    found = platform.stacks["fraud-dev"]
    assert isinstance(found, EnvironmentSettings)
    return found


def test_a_team_called_hub_is_refused_since_its_names_are_the_hubs(tmp_path: Path) -> None:
    files = {"platform.yaml": PLATFORM, "teams/hub.yaml": "name: hub\nenvironments: {dev: {}}\n"}

    [mistake] = mistakes(build_tree(tmp_path, files))

    assert mistake.startswith("teams/hub.yaml:1:1: a team cannot have the name 'hub': its stacks would have the names")


@pytest.mark.parametrize(
    ("organization", "team", "expected"),
    [
        ("microsofty", "fraud", "platform.yaml:1:1: Azure refuses names that contain 'microsoft'. It reserves"),
        ("contoso", "windows-games", "contain 'windows', as those of windows-games-dev would. It reserves the word"),
        ("contosowin", "dows", "contain 'windows', as those of dows-dev would. It reserves the word"),
    ],
)
def test_words_that_azure_reserves_are_refused(tmp_path: Path, organization: str, team: str, expected: str) -> None:
    files = {
        "platform.yaml": PLATFORM.replace("organization: contoso", f"organization: {organization}"),
        f"teams/{team}.yaml": f"name: {team}\nenvironments: {{dev: {{}}, prod: {{}}}}\n",
    }

    [mistake] = mistakes(build_tree(tmp_path, files))

    assert expected in mistake


def test_example_values_are_warnings_in_the_platforms_file_and_in_each_teams(tmp_path: Path) -> None:
    team = f"name: fraud\nalert_emails: [{EXAMPLE_EMAIL}]\nenvironments: {{dev: {{}}}}\n"
    root = world(tmp_path, platform=PLATFORM.replace("ml@contoso.example", EXAMPLE_EMAIL), team=team)

    warnings = list(warnings_of(load_platform(root).manifests))

    assert [f"{one.position.path.name}:{one.position.line} {one.message}" for one in warnings] == [
        f"platform.yaml:9 {EXAMPLE_EMAIL} is an example.",
        f"fraud.yaml:2 {EXAMPLE_EMAIL} is an example.",
    ]


_A_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_ids_in_upper_case_are_the_same_ids(tmp_path: Path) -> None:
    shutil.copytree(CONTOSO, tmp_path / "contoso")
    # Not those in links.yaml: Azure compares issuers and subjects letter by letter.
    for manifest in (tmp_path / "contoso/platform.yaml", *(tmp_path / "contoso/teams").iterdir()):
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(_A_GUID.sub(lambda found: found[0].upper(), text), encoding="utf-8")

    assert load_platform(tmp_path / "contoso").stacks == load_platform(CONTOSO).stacks


_SCHEMAS = {name: TypeAdapter(alias).json_schema() for name, alias in vars(manifests).items() if name.endswith("Id")}
_IDS = [name for name, schema in _SCHEMAS.items() if "resource id" in schema.get("description", "")]


def test_there_are_resource_ids_to_spell() -> None:
    assert len(_IDS) >= 10


@pytest.mark.parametrize("name", _IDS)
def test_a_resource_id_in_any_case_is_written_in_one_and_keeps_its_names(name: str) -> None:
    examples = st.from_regex(re.compile(_SCHEMAS[name]["pattern"].strip("^$"), re.ASCII), fullmatch=True)

    @given(examples)
    @settings(max_examples=5, deadline=None)
    def lowered(resource_id: str) -> None:
        validated = TypeAdapter(vars(manifests)[name]).validate_python(resource_id)
        _, subscriptions, subscription, groups, group, *_ = validated.split("/")
        assert validated.lower() == resource_id.lower()
        assert (subscriptions, groups) == ("subscriptions", "resourceGroups")
        assert subscription == subscription.lower()
        assert group == resource_id.split("/")[4]
        assert validated.split("/")[8::2] == resource_id.split("/")[8::2]
        spelled = re.split(r"[/ .]+", f"providers.Microsoft.Network.{_SCHEMAS[name]['description']}")
        if name != "ResourceId":  # of any kind: Azure's spelling of the others is not known here
            words = "/".join(validated.split("/")[5:7] + validated.split("/")[7::2])
            assert set(re.split(r"[/.]", words)) <= set(spelled)

    lowered()


def test_one_network_in_two_spellings_is_linked_once(tmp_path: Path) -> None:
    subnet = "/subscriptions/00000000-0000-0000-0000-00000000000E/resourceGroups/%s/providers/Microsoft.Network"
    subnet += "/virtualNetworks/vnet/subnets/ml"
    team = f"""\
        name: fraud
        network: locked
        compute: [{{name: cpu, size: Standard_D4ds_v5, max_nodes: 2}}]
        environments:
          dev: {{vnet: {{subnet_id: {subnet % "rg-net"}}}}}
          prod: {{vnet: {{subnet_id: {subnet % "RG-Net"}}}}}
        """
    hub = load_platform(world(tmp_path, team=team)).stacks["hub"]

    assert isinstance(hub, HubSettings)
    assert len(hub.linked_vnets) == 1
    assert "/subscriptions/00000000-0000-0000-0000-00000000000e/" in hub.linked_vnets[0]


def test_the_smallest_manifests_describe_a_hub_and_an_environment(tmp_path: Path) -> None:
    platform = load_platform(world(tmp_path))

    assert list(platform.stacks) == ["hub", "fraud-dev"]
    assert dev(platform).network == "open"
    assert len((PLATFORM + TEAM).splitlines()) < 25


def test_the_innermost_layer_wins_and_tags_add_up(tmp_path: Path) -> None:
    platform = PLATFORM.replace("dev: {ring: 0}", "dev: {ring: 0, network: managed, location: northeurope}")
    platform += "tags: {cost-center: '1', stage: outer}\n"
    team = "name: fraud\nlocation: uksouth\ntags: {Stage: team}\nenvironments:\n  dev: {network: open, tags: {x: y}}\n"

    settings = dev(load_platform(world(tmp_path, platform, team)))

    assert (settings.network, settings.location) == ("open", "uksouth")
    assert settings.tags == {
        "Stage": "team",
        "cost-center": "1",
        "environment": "dev",
        "managed-by": "mlops-bootstrap",
        "organization": "contoso",
        "team": "fraud",
        "x": "y",
    }


def test_key_of_a_layer_becomes_a_tag_that_only_its_own_and_inner_layers_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TAGS, "location", "place")
    platform = PLATFORM + "tags: {team: outer, place: outer, organization: outer}\n"
    team = "name: fraud\nlocation: uksouth\nenvironments:\n  dev: {location: northeurope}\n  prod: {tags: {Place: x}}\n"

    stacks = load_platform(world(tmp_path, platform, team)).stacks

    assert dev(load_platform(tmp_path)).tags.items() >= {"team": "fraud", "place": "northeurope"}.items()
    assert stacks["fraud-prod"].tags.items() >= {"team": "fraud", "Place": "x", "organization": "outer"}.items()
    assert stacks["hub"].tags.items() >= {"team": "outer", "place": "outer"}.items()


def test_every_key_that_becomes_a_tag_is_a_key_of_a_layer() -> None:
    layers = (manifests.PlatformManifest, manifests.Environment, manifests.TeamManifest, manifests.TeamEnvironment)

    assert TAGS.keys() <= {key for layer in layers for key in layer.model_fields}


def test_production_is_protected_and_people_only_read_there(tmp_path: Path) -> None:
    platform = load_platform(world(tmp_path, team="name: fraud\nenvironments: {dev: {}, prod: {}}\n"))

    modes = {
        name: (stack.protect, stack.people)
        for name, stack in platform.stacks.items()
        if isinstance(stack, EnvironmentSettings)
    }
    assert modes == {"fraud-dev": (False, "work"), "fraud-prod": (True, "read")}


def test_everything_keeps_the_line_that_it_comes_from(tmp_path: Path) -> None:
    team = """\
name: fraud
groups:
  engineers: 00000000-0000-0000-0000-00000000000c
environments:
  dev:
    compute:
      - {name: cpu, size: Standard_D4ds_v5, max_nodes: 4}
      - {name: gpu, size: Standard_NC4as_T4_v3, max_nodes: 1}
projects:
  - {name: churn, repository: github:contoso/churn}
"""
    links = "teams:\n  fraud:\n    churn:\n      dev: {issuer: https://forge.example, subject: a}\n"

    settings = dev(load_platform(world(tmp_path, team=team, links=links)))

    assert settings.origin == "teams/fraud.yaml:5"
    assert settings.groups[0].origin == "teams/fraud.yaml:3"
    assert [cluster.origin for cluster in settings.clusters] == ["teams/fraud.yaml:7", "teams/fraud.yaml:8"]
    assert settings.projects[0].origin == "teams/fraud.yaml:10"
    assert settings.projects[0].federation is not None
    assert settings.projects[0].federation.origin == "links.yaml:4"


def test_a_project_without_its_link_gets_no_federation(tmp_path: Path) -> None:
    team = TEAM + "projects:\n  - {name: churn, repository: github:contoso/churn}\n"

    assert dev(load_platform(world(tmp_path, team=team))).projects[0].federation is None


def test_the_registry_is_where_the_environments_are(tmp_path: Path) -> None:
    hub = load_platform(world(tmp_path, team="name: fraud\nenvironments: {dev: {location: uksouth}}\n")).stacks["hub"]

    assert hub.program == "hub"
    assert hub.registry_locations == ("westeurope", "uksouth")


def test_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    root = world(
        tmp_path,
        PLATFORM.replace("location:", "locaton:"),
        "name: fraud\ngroups: {engineers: me}\nenvironments: {dev: {}}\n",
        "teams:\n  fraud:\n    churn:\n      dev: {issuer: http://x, subject: a}\n",
    )
    (root / "teams" / "copied.yaml").write_text(TEAM)

    assert mistakes(root) == [
        "platform.yaml:2:1: unknown key 'locaton'. Did you mean 'location'?",
        (
            "teams/fraud.yaml:2:21: groups.engineers: must be a GUID such as 11111111-2222-3333-4444-555555555555 "
            "(found 'me')."
        ),
        "links.yaml:4:21: teams.fraud.churn.dev.issuer: must be an https address (found 'http://x').",
        (
            "teams/copied.yaml:1:1: the team 'fraud' is in a file with the name 'copied.yaml'. "
            "Rename the file to fraud.yaml, or the team to copied."
        ),
    ]


@pytest.mark.parametrize(
    ("platform", "team", "expected"),
    [
        (PLATFORM, "name: fraud\nenvironments: {dve: {}}\n", "2:16: the environment 'dve' is not in platform.yaml."),
        (PLATFORM, "name: fruad\nenvironments: {dev: {}}\n", "1:1: the team 'fruad' is in a file with the name"),
        (PLATFORM, TEAM + "budget: 5\n", "4:1: there is a budget, and no budget_start. Add budget_start"),
        (PLATFORM, TEAM + "budget: .nan\n", "4:9: budget: must be a finite number (found nan)"),
        (PLATFORM, TEAM + "budget_start: 2026-11-02\n", "4:15: budget_start: must be the first day of a month"),
        (PLATFORM.replace("location", "tags: {a: b}\n#"), TEAM, "3:3: no manifest sets the location of fraud-dev."),
        (PLATFORM.replace("ring: 0", ""), TEAM, "6:8: environments.dev.ring: is missing."),
        (PLATFORM, TEAM.replace("fraud", '"fr\'aud"'), "1:7: name: must be 2 to 24 lower-case letters"),
        (PLATFORM, TEAM.replace("fraud", "fr\u0430ud"), "1:7: name: must be 2 to 24 lower-case letters"),
        (PLATFORM, TEAM.replace("fraud", "f" * 300), "1:7: name: must be 2 to 24 lower-case letters"),
        (PLATFORM.replace("-00000000000a", ""), TEAM, "3:12: tenant_id: must be a GUID"),
        (PLATFORM, TEAM + "projects:\n- {name: a, repository: git:x}\n", "5:10: projects.0.name: must be 2 to 32"),
        (PLATFORM, TEAM + "network: closed\n", "4:10: network: must be 'open', 'managed' or 'locked' (found 'closed')"),
        (
            PLATFORM + f"  log_retention_days: 90\n  log_analytics_id: {LOGS}\n", TEAM,
            "10:3: hub.log_retention_days: log_analytics_id names a workspace that exists already",
        ),
        (PLATFORM + f"  log_analytics_id: {LOGS}s/x\n", TEAM, "hub.log_analytics_id: must be the resource id of a Log"),
        (PLATFORM, TEAM + "schema_version: 2\n", "4:17: written for a newer mlops-bootstrap: it says 2, and this"),
        (PLATFORM, TEAM + "name: twice\n", "4:1: the key 'name' is here twice."),
        (PLATFORM, TEAM + "groups: {engineers: [", "did not find expected node content"),
        (
            PLATFORM,
            TEAM + "compute: [{name: cc, size: Standard_A, max_nodes: 1}, {name: cc, size: Standard_A, max_nodes: 1}]",
            "4:55: compute: compute already has the name 'cc' in the same workspace.",
        ),
        (
            PLATFORM,
            TEAM + "projects: [{name: aa, repository: github:a/a}, {name: bb, repository: GITHUB:a/a}]",
            "repository: must be github:OWNER/REPOSITORY",
        ),
        (
            PLATFORM,
            TEAM + "projects: [{name: aa, repository: github:a/a}, {name: bb, repository: github:A/a}]",
            "the repository github:A/a already is that of fraud/aa.",
        ),
    ],
)  # fmt: skip
def test_mistake_is_reported_with_its_position(tmp_path: Path, platform: str, team: str, expected: str) -> None:
    found = mistakes(world(tmp_path, platform, team))

    assert any(expected in mistake for mistake in found), found
    assert all(re.match(r"(platform|teams/fraud|links)\.yaml:\d+:\d+: ", mistake) for mistake in found)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"name: fraud\nenv", b"- a\n", b"null\n", b"a: !!python/x 1\n"])
def test_files_that_are_no_manifests_are_named(tmp_path: Path, content: bytes) -> None:
    root = world(tmp_path)
    (root / "teams" / "fraud.yaml").write_bytes(content)

    assert any("teams/fraud.yaml" in mistake for mistake in mistakes(root))


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("teams: {frod: {}}\n", "1:9: there is no team 'frod'. Did you mean 'fraud'?"),
        ("teams: {fraud: {churn: {}}}\n", "1:17: the team 'fraud' has no project 'churn'."),
    ],
)
def test_links_to_unknown_teams_and_projects_are_mistakes(tmp_path: Path, links: str, expected: str) -> None:
    assert mistakes(world(tmp_path, links=links))[0] == f"links.yaml:{expected}"


def test_a_team_file_that_would_be_overlooked_is_a_mistake(tmp_path: Path) -> None:
    root = world(tmp_path)
    (root / "teams" / "other.yml").write_text(TEAM)

    assert mistakes(root) == ["teams/other.yml:1:1: the name of a team's file ends in .yaml. Rename the file."]


def test_files_of_teams_in_subfolders_are_refused_with_their_paths(tmp_path: Path) -> None:
    root = world(tmp_path, more={"teams/new/pricing.yaml": TEAM, "teams/new/old/risk.YML": TEAM})
    (root / "teams" / "linked").symlink_to(tmp_path, target_is_directory=True)

    assert mistakes(root) == [
        "teams/linked:1:1: a linked folder is not read. Put a file per team into teams/.",
        "teams/new/pricing.yaml:1:1: a team's file is directly in teams/. Move it to teams/pricing.yaml.",
        "teams/new/old/risk.YML:1:1: a team's file is directly in teams/. Move it to teams/risk.yaml.",
    ]


def test_files_among_the_teams_that_are_no_yaml_are_ignored(tmp_path: Path) -> None:
    names = ("README.md", "fraud.yaml.bak", ".gitkeep", "more/README.md")

    stacks = load_platform(world(tmp_path, more={f"teams/{name}": "- x: [\n" for name in names})).stacks

    assert list(stacks) == ["hub", "fraud-dev"]


def test_a_pinned_version_that_is_not_this_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pins mlops-bootstrap 99\.\*"):
        load_platform(world(tmp_path, PLATFORM + 'tool: "99.*"\n'))


def test_keys_of_the_pinned_version_are_no_mistake(tmp_path: Path) -> None:
    newer = PLATFORM + 'tool: "99.*"\nfrom_the_future: true\n'

    with pytest.raises(InputError, match=r"pins mlops-bootstrap 99\.\*"):
        load_platform(world(tmp_path, newer, TEAM + "also_new: 1\n"))


def test_a_pin_that_is_no_version_is_a_mistake(tmp_path: Path) -> None:
    [mistake] = mistakes(world(tmp_path, PLATFORM + "tool: latest\n"))

    assert mistake == "platform.yaml:10:7: tool: must be a version such as \"0.1.*\" (found 'latest')."


def test_a_platform_is_found_from_below(tmp_path: Path) -> None:
    root = world(tmp_path)

    assert find_platform(root / "teams").root == root


def test_outside_of_a_platform_there_is_a_hint(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="is not in a platform repository"):
        find_platform(tmp_path)


def test_an_unknown_stack_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_platform(world(tmp_path)).selected(["frod-dev"])

    assert caught.value.hint == "Did you mean 'fraud-dev'?"


def test_quick_names_are_those_of_the_stacks() -> None:
    assert sorted(stack_names(CONTOSO / "teams")) == sorted(load_platform(CONTOSO).stacks)


def test_schemas_of_the_example_are_those_of_the_models() -> None:
    written = {f".schemas/{path.name}": path.read_text() for path in (CONTOSO / ".schemas").iterdir()}

    assert written == schema_files(), "make schemas with: mlops-bootstrap platform schema NAME"


def test_schemas_refuse_unknown_keys() -> None:
    for name in MODELS:
        assert json.loads(schema_files()[f".schemas/{name}.schema.json"])["additionalProperties"] is False


SOURCES = {path: path.read_text() for path in [CONTOSO / "platform.yaml", CONTOSO / "links.yaml"]} | {
    path: path.read_text() for path in sorted((CONTOSO / "teams").iterdir())
}
scraps = st.sampled_from(
    ["", " ", "\n", "\t", ":", "- ", "{", "}", "[", "]", "&a ", "*a", "<<: ", "!!int ", "'", '"', "#", "null", "1e999",
     "0x1", "ü", "\0", "\x85", "---\n", "...\n", "? ", "|", ">", "%", "@", "2026-11-01", "true", "name: x\n"]
)  # fmt: skip
edits = st.lists(
    st.tuples(
        st.sampled_from(sorted(SOURCES)),
        st.floats(0, 1),
        st.integers(0, 12),
        st.one_of(scraps, st.text(max_size=4)),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits)
def test_random_edits_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[Path, float, int, str]]
) -> None:
    texts = dict(SOURCES)
    for path, place, length, scrap in edits:
        start = int(place * len(texts[path]))
        texts[path] = texts[path][:start] + scrap + texts[path][start + length :]
    root = tmp_path_factory.mktemp("edited")
    for path, text in texts.items():
        target = root / path.relative_to(CONTOSO)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogatepass"))

    # Anything but a BootstrapError fails the test.
    with contextlib.suppress(BootstrapError):
        assert "hub" in load_platform(root).stacks


@pytest.mark.parametrize(
    ("team", "suggestion"),
    [
        ("name: Fraud_Score\nenvironments: {dev: {}}\n", "Did you mean 'fraud-score'?"),
        (TEAM + "projects: [{name: churn model, repository: github:a/b}]\n", "Did you mean 'churn-model'?"),
        (TEAM + "location: West Europe\n", "Did you mean 'westeurope'?"),
    ],
)
def test_a_name_in_another_spelling_gets_the_spelling_that_is_accepted(
    tmp_path: Path, team: str, suggestion: str
) -> None:
    assert any(mistake.endswith(suggestion) for mistake in mistakes(world(tmp_path, team=team)))


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_a_line_break_of_unicode_is_refused_at_the_line_of_editors(tmp_path: Path, character: str) -> None:
    [mistake] = mistakes(world(tmp_path, PLATFORM + f"# a{character}b\nextra: 1\n"))

    assert mistake == f"platform.yaml:10:4: the character {character!r} is not allowed here."


def test_a_line_break_of_unicode_can_be_escaped() -> None:
    assert parse('key: "a\\u2028b"\n', Path("file.yaml")).data == {"key": "a\u2028b"}


def test_more_than_a_hundred_environments_are_refused(tmp_path: Path) -> None:
    """Suggestions for wrong names are compared with all of them, so their number is limited."""
    many = "".join(f"  env{number:04}: {{}}\n" for number in range(101))
    root = world(tmp_path, team=f"name: fraud\nenvironments:\n{many}")

    assert any("environments: must have 100 or fewer entries" in mistake for mistake in mistakes(root))
