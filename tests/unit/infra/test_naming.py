import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tables.names import TABLE, Kind, Names, rule_of

LETTERS = string.ascii_lowercase
ALNUM = LETTERS + string.digits
TENANT = "00000000-0000-0000-0000-000000000001"

short_words = st.text(ALNUM, min_size=1, max_size=9).map(lambda tail: "a" + tail)
words = st.lists(st.text(ALNUM, min_size=1, max_size=8), min_size=1, max_size=4).map("-".join)
kinds = st.sampled_from([kind for kind in TABLE if kind != "cluster"])
stacks = st.tuples(words, short_words)


@given(kinds, st.text(ALNUM, min_size=1, max_size=19).map(lambda tail: "a" + tail), st.lists(words, min_size=1))
def test_azure_allows_every_name(kind: Kind, organization: str, parts: list[str]) -> None:
    name = Names(organization, TENANT).of(kind, *parts)

    assert TABLE[kind].allows(name)


@given(kinds, stacks, stacks)
def test_different_stacks_have_different_names(kind: Kind, one: tuple[str, str], other: tuple[str, str]) -> None:
    names = Names("contoso", TENANT)

    assert (names.of(kind, *one) == names.of(kind, *other)) == (one == other)


def test_names_of_many_stacks_are_unique() -> None:
    """Also where names are cut: the longest organization, and teams and environments as long as the manifests allow."""
    teams = [
        f"{start}-{number:02}" for start in ("a-long-name-for-a-team", "a-long-name", "a") for number in range(100)
    ]
    environments = ["dev", "devs", "production", "productio2"]
    names = Names("organizationof20chars", TENANT)
    for kind in TABLE:
        made = {names.of(kind, team, environment) for team in teams for environment in environments}

        assert len(made) == len(teams) * len(environments), kind


@given(kinds, stacks, words, words)
def test_several_resources_of_a_kind_have_different_names(
    kind: Kind, stack: tuple[str, str], one: str, other: str
) -> None:
    names = Names("contoso", TENANT)

    assert (names.of(kind, *stack, one) == names.of(kind, *stack, other)) == (one == other)


def test_shortened_names_stay_unique() -> None:
    names = Names("contoso", TENANT)
    one = names.of("workspace", "a-very-long-team-of-people", "dev")
    other = names.of("workspace", "a-very-long-team-of-people", "prod")

    assert one[:20] == other[:20]
    assert one != other


def test_global_names_differ_between_tenants() -> None:
    one = Names("contoso", TENANT).of("storage", "fraud", "dev")
    other = Names("contoso", TENANT.replace("1", "2")).of("storage", "fraud", "dev")

    assert one != other


def test_names_never_change() -> None:
    """A changed name is a replaced resource: these are promises."""
    names = Names("contoso", TENANT)

    assert names.of("resource_group", "fraud", "dev") == "rg-contoso-fraud-dev"
    assert names.of("storage", "fraud", "dev") == "stcontosofrauddel52rle42"
    assert names.of("key_vault", "fraud", "dev") == "kv-contoso-frau-kjzbieg6"
    assert names.of("state_container", "hub", "dev") == "state-contoso-hub-dev"
    assert names.of("secrets_key", "hub", "dev") == "key-contoso-hub-dev"
    assert names.of("instance", "anna", "fraud", "dev") == "ci-contoso-anna-ax47s2rg"


@pytest.mark.parametrize("part", ["", "Fraud", "a b", "a--b", "-a", "ü", 'a"b', "a/b"])
def test_invalid_parts_of_names_are_refused(part: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a name"):
        Names("contoso", TENANT).of("storage", part)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("storage", "st"),
        ("storage", "st-contoso"),
        ("storage", "s" * 25),
        ("key_vault", "1kv"),
        ("key_vault", "kv--a"),
        ("key_vault", "kv-a-"),
        ("container_registry", "cr-a1"),
        ("workspace", "w" * 34),
        ("workspace", "-ml"),
        ("resource_group", "rg."),
        ("resource_group", "rg\n"),
        ("log_analytics", "-log"),
        ("cluster", "c"),
        ("instance", "ci"),
        ("instance", "1st"),
        ("instance", "ci_anna"),
        ("instance", "anna-1"),
        ("instance", "anna-"),
        ("instance", "a" * 25),
        ("budget", "a b"),
        ("state_container", "st"),
        ("state_container", "state--a"),
        ("state_container", "state-"),
        ("state_container", "State"),
        ("state_container", "s" * 64),
        ("secrets_key", "a_b"),
        ("secrets_key", "k" * 128),
    ],
)
def test_naming_rules_refuse_what_azure_refuses(kind: Kind, name: str) -> None:
    assert not TABLE[kind].allows(name)


@pytest.mark.parametrize(
    ("kind", "shortest", "longest"),
    [
        ("resource_group", 1, 90),
        ("log_analytics", 4, 63),
        ("action_group", 1, 260),
        ("budget", 1, 63),
        ("workspace", 3, 33),
        ("storage", 3, 24),
        ("state_container", 3, 63),
        ("key_vault", 3, 24),
        ("secrets_key", 1, 127),
        ("container_registry", 5, 50),
        ("application_insights", 1, 260),
        ("identity", 3, 128),
        ("federated_credential", 3, 120),
        ("instance", 3, 24),
        ("lock", 1, 90),
        ("metric_alert", 1, 260),
        ("query_alert", 1, 260),
        ("activity_alert", 1, 260),
        ("virtual_network", 2, 64),
        ("subnet", 1, 80),
        ("route_table", 1, 80),
        ("network_security_group", 1, 80),
        ("peering", 1, 80),
        ("private_endpoint", 2, 64),
        ("nat_gateway", 1, 80),
        ("public_ip", 1, 80),
        ("flow_log", 1, 80),
        ("runner_pool", 3, 44),
        ("dev_center", 3, 26),
        ("dev_center_project", 3, 63),
        ("dns_link", 1, 80),
    ],
)
def test_names_are_as_long_as_azure_publishes(kind: Kind, shortest: int, longest: int) -> None:
    """The lengths of https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules.

    Those of runner pools and of dev centers are of https://learn.microsoft.com/azure/templates.
    """
    allowed = [length for length in range(longest + 2) if TABLE[kind].allows("a" * length)]

    assert allowed == list(range(shortest, longest + 1))


def test_a_name_of_the_longest_length_is_not_shortened() -> None:
    """`mlw-contoso-` and 21 characters are 33, and each character more needs a digest."""
    names = Names("contoso", TENANT)

    assert names.of("workspace", "a" * 21) == f"mlw-contoso-{'a' * 21}"
    assert names.of("workspace", "a" * 22) != f"mlw-contoso-{'a' * 22}"
    assert len(names.of("workspace", "a" * 22)) == 33


def test_another_generation_renames_only_what_stays_taken_after_a_removal() -> None:
    """A deleted workspace or key vault keeps its name for days; other names are free at once."""
    first, second = Names("contoso", TENANT), Names("contoso", TENANT, 2)

    renamed = {kind for kind in TABLE if first.of(kind, "fraud", "dev") != second.of(kind, "fraud", "dev")}

    assert renamed == {"workspace", "key_vault"}


def test_a_rule_is_that_of_the_variant_and_else_the_general_one() -> None:
    compute = "azure-native:machinelearningservices:Compute"

    assert rule_of(compute, lambda _: "ComputeInstance") == TABLE["instance"]
    assert rule_of(compute, lambda _: None) == TABLE["cluster"]
    assert rule_of("azure-native:keyvault:Vault", lambda _: None) == TABLE["key_vault"]


@pytest.mark.parametrize(("kind", "longest"), [("AmlCompute", 16), ("Kubernetes", 16), ("ComputeInstance", 24)])
def test_instances_and_clusters_have_separate_naming_rules(kind: str, longest: int) -> None:
    inputs = {"properties.computeType": kind}

    rule = rule_of("azure-native:machinelearningservices:Compute", inputs.get)

    assert rule.longest == longest
    assert rule.allows("a" * longest)
