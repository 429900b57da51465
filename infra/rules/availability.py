"""Rules on regions and machine sizes: the manifests choose them, Azure adds and retires them."""

from collections.abc import Iterable, Iterator

from infra.rules.rule import UNKNOWN, Resource, Rule, Stack, Violation, did_you_mean, entries, violation_of
from infra.tables import regions, sizes
from infra.tables.resource_types import COMPUTE, MODELS, RUNNERS

SIZE_AT: dict[str, str] = {
    COMPUTE: "properties.properties.vmSize",
    RUNNERS: "fabricProfile.sku.name",
}
"""The input that holds the machine size, by type."""

_NO_REGION = "global"
"""The location of resources that have no region."""


def _regions(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Each resource with its region, and a model registry with the regions of its replicas."""
    for resource in stack.resources:
        replicas = entries(resource.at("regionDetails")) if resource.type == MODELS else ()
        for region in (resource.at("location"), *(replica.get("location") for replica in replicas)):
            if isinstance(region, str) and region != UNKNOWN:
                yield resource, region


def _unknown_region(stack: Stack) -> Iterable[Violation]:
    """One violation for each region, at the first resource in it."""
    reported = {_NO_REGION}
    for resource, region in _regions(stack):
        if region.lower() in reported or regions.is_known(region):
            continue
        reported.add(region.lower())
        hint = did_you_mean(regions.nearest_region(region))
        yield violation_of(resource, f"the region {region!r} is not in the table of {regions.AS_OF}.{hint}")


def _sizes(stack: Stack) -> Iterator[tuple[Resource, str, sizes.Series | None]]:
    for resource in stack.of(*SIZE_AT):
        size = resource.at(SIZE_AT[resource.type])
        if isinstance(size, str) and size != UNKNOWN:
            yield resource, size, sizes.series_of(size)


def _unknown_size(stack: Stack) -> Iterable[Violation]:
    for resource, size, series in _sizes(stack):
        if series is None:
            hint = did_you_mean(sizes.nearest_size(size))
            yield violation_of(resource, f"the size {size!r} is not in the table of {sizes.AS_OF}.{hint}")


def _retirement(stack: Stack, *, retired: bool) -> Iterator[Violation]:
    """The sizes that are retired on the date of the check, or those that retire later."""
    date = max(stack.as_of or sizes.AS_OF, sizes.AS_OF)
    verb = "was retired" if retired else "retires"
    for resource, size, series in _sizes(stack):
        if series is not None and series.retires is not None and (series.retires <= date) is retired:
            yield violation_of(resource, f"{size} {verb} on {series.retires}; use {series.instead} ({series.source}).")


def _over_runner_quota(stack: Stack) -> Iterable[Violation]:
    for pool in stack.of(RUNNERS):
        size, most = pool.at(SIZE_AT[RUNNERS]), pool.at("maximumConcurrency")
        series, cores = sizes.series_of(str(size)), sizes.cores_of(str(size))
        if series is None or cores is None:
            continue
        granted = sizes.RUNNER_CORES if series.template in sizes.RUNNER_SERIES else 0
        if cores * most > granted:
            yield violation_of(
                pool, f"{most} runners of {size} need {cores * most} cores, and Azure grants {granted} by default."
            )


AVAILABILITY_RULES: tuple[Rule, ...] = (
    Rule(
        "location-known", "error", "Every region is in the table of Azure's regions",
        "If Azure does not have it either, the deployment fails at the first resource in it.",
        "Correct location in the manifest; if Azure has added the region since, suppress this rule. Without the "
        "suppression the manifests are refused.",
        regions.PAGE, _unknown_region,
    ),
    Rule(
        "size-known", "warning", "Every machine size is in the table of Azure's sizes",
        "If Azure does not have it either, the deployment fails at the cluster or instance.",
        "Correct size in the manifest: az ml compute list-sizes lists what the region offers; if Azure has added the "
        "size since, suppress this rule.",
        sizes.SIZES_PAGE, _unknown_size, "resource",
    ),
    Rule(
        "size-retired", "error", "No machine size is retired",
        "Azure starts no node of a retired size.",
        "Write a size of the newer series in the manifest.",
        sizes.RETIRED_PAGE, lambda stack: _retirement(stack, retired=True), "resource",
    ),
    Rule(
        "size-retiring", "warning", "No machine size has an announced retirement",
        "Nodes stop on that day. A cluster cannot change its size, so a new one must be created.",
        "Write a size of the newer series in the manifest, under a new name of the cluster.",
        sizes.RETIRED_PAGE, lambda stack: _retirement(stack, retired=False), "resource",
    ),
    Rule(
        "runner-quota", "note", "A pool of runners fits the default quota of Managed DevOps Pools",
        "This quota is separate from that of virtual machines. Azure refuses the pool when it needs more.",
        "Request the cores for the family in the portal, under Quotas, Managed DevOps Pools, before the deployment; or "
        "write a smaller max_runners or size.",
        "https://learn.microsoft.com/azure/devops/managed-devops-pools/prerequisites#review-managed-devops-pools-quotas",
        _over_runner_quota, "resource",
    ),
)  # fmt: skip
