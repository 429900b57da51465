"""The recording monitor, on programs of the test's own."""

import gc
import runpy
import weakref
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi_azure_native import resources

import infra
from bootstrap.manifests.platform import load_platform
from bootstrap.stack.plan.recorder import record
from infra.programs import create_resources
from infra.reference import origin_of
from infra.rules.rule import SECRET, UNKNOWN, Resource

HERE = Path(__file__).parent
CONTOSO = Path(__file__).parents[3] / "examples" / "contoso"


def run(program: Callable[[], None]) -> dict[str, Resource]:
    found = record("project", "stack", program, origin_of=lambda _: None, code=HERE)
    return {registration.name: registration for registration in found}


def test_secrets_are_masked_and_unknowns_use_pulumis_marker() -> None:
    def program() -> None:
        one = resources.ResourceGroup("one", tags={"a": pulumi.Output.secret("hidden")}, location="here")
        resources.ResourceGroup("two", tags={"a": one.id, "b": "known"})

    found = run(program)

    assert found["one"].inputs["tags"] == {"a": SECRET}
    assert "hidden" not in str(found)
    assert found["two"].inputs["tags"] == {"a": UNKNOWN, "b": "known"}
    assert found["two"].depends_on == (found["one"].urn,)


def test_options_are_recorded() -> None:
    def program() -> None:
        first = resources.ResourceGroup("first", opts=pulumi.ResourceOptions(protect=True))
        second = pulumi.ResourceOptions(depends_on=[first], ignore_changes=["tags"], retain_on_delete=True)
        resources.ResourceGroup("second", opts=second)

    found = run(program)

    assert found["first"].protect
    assert found["first"].options == {}
    assert found["second"].options == {"ignoreChanges": ["tags"], "retainOnDelete": True}
    assert found["second"].depends_on == (found["first"].urn,)
    [first, second] = [str(found[name].code).split(":") for name in ("first", "second")]
    assert (first[0], second[0]) == ("stack/test_recorder.py", "stack/test_recorder.py")
    assert int(first[1]) == int(second[1]) - 2


def test_exceptions_of_the_program_are_raised() -> None:
    def program() -> None:
        raise LookupError("of the program")

    with pytest.raises(LookupError, match="of the program"):
        run(program)


def test_two_resources_of_one_name_are_refused() -> None:
    def program() -> None:
        resources.ResourceGroup("same")
        resources.ResourceGroup("same")

    with pytest.raises(ValueError, match=r"two resources have the URN .*same"):
        run(program)


def test_a_look_up_in_azure_is_refused() -> None:
    def program() -> None:
        resources.get_resource_group("name")

    with pytest.raises(NotImplementedError, match="getResourceGroup, which needs an account"):
        run(program)


def test_plans_in_one_process_are_independent() -> None:
    def program() -> None:
        resources.ResourceGroup("group")

    assert run(program) == run(program)
    assert pulumi.runtime.get_root_resource() is None


def test_plain_pulumi_gets_the_same_resources_from_settings_in_its_configuration() -> None:
    settings = load_platform(CONTOSO).stacks["hub"]

    def program() -> None:
        pulumi.runtime.set_config("mlops-bootstrap:settings", settings.model_dump_json())
        runpy.run_path(str(Path(infra.__file__).parent / "__main__.py"), run_name="__main__")

    by_pulumi = record("mlops-bootstrap", "hub", program, origin_of=origin_of, code=Path(infra.__file__).parent)
    by_plan = record(
        "mlops-bootstrap",
        "hub",
        lambda: create_resources(settings),
        origin_of=origin_of,
        code=Path(infra.__file__).parent,
    )

    assert by_pulumi == by_plan


def test_a_recorded_program_is_not_kept_in_memory() -> None:
    """A worker process plans hundreds of stacks, and each has megabytes of resources."""
    settings = load_platform(CONTOSO).stacks["fraud-prod"]
    made: list[weakref.ref[pulumi.Resource]] = []

    def program() -> None:
        create_resources(settings)
        stack = pulumi.runtime.get_root_resource()
        assert stack is not None
        made.append(weakref.ref(stack))

    run(program)
    gc.collect()

    assert made[0]() is None
