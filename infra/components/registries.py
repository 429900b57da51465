"""Registries: of images, one per environment; of models, one for the organization."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry
from pulumi_azure_native import machinelearningservices as ml

from infra.components.place import Place
from infra.reference import Reference


@dataclass(frozen=True)
class ContainerRegistryArgs:
    """Where the registry lies, and whether a managed network has to reach it, which takes the Premium tier."""

    place: Place
    premium: bool


class ContainerRegistry(pulumi.ComponentResource):
    """The registry of a workspace's images. Nobody logs in with a password."""

    registry: Reference

    def __init__(self, name: str, args: ContainerRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:registries:ContainerRegistry", name, None, opts)
        place = args.place
        registry_name = place.names.of("container_registry", *place.words)
        sku = containerregistry.SkuName.PREMIUM if args.premium else containerregistry.SkuName.STANDARD
        registry = containerregistry.Registry(
            name,
            resource_group_name=place.group.name_when_made,
            registry_name=registry_name,
            location=place.location,
            sku=containerregistry.SkuArgs(name=sku),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access=containerregistry.PublicNetworkAccess.ENABLED,
            network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
            tags=place.tags,
            opts=place.stateful(self),
        )
        self.registry = place.group.within(
            f"providers/Microsoft.ContainerRegistry/registries/{registry_name}", registry
        )
        self.register_outputs({"id": self.registry.id})


@dataclass(frozen=True)
class ModelRegistryArgs:
    """Where the registry lies.

    Attributes:
        locations: Where it keeps a copy of everything: those of the hub and of all environments.
    """

    place: Place
    locations: Sequence[str]


class ModelRegistry(pulumi.ComponentResource):
    """The Azure ML registry through which the organization's environments share models."""

    registry: Reference

    def __init__(self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:registries:ModelRegistry", name, None, opts)
        place = args.place
        registry_name = place.names.of("model_registry", *place.words)
        registry = ml.Registry(
            name,
            resource_group_name=place.group.name_when_made,
            registry_name=registry_name,
            location=place.location,
            identity=ml.ManagedServiceIdentityArgs(type=ml.ManagedServiceIdentityType.SYSTEM_ASSIGNED),
            public_network_access=ml.PublicNetworkAccessType.ENABLED,
            region_details=[_region(location) for location in args.locations],
            tags=place.tags,
            opts=place.stateful(self),
        )
        self.registry = place.group.within(
            f"providers/Microsoft.MachineLearningServices/registries/{registry_name}", registry
        )
        self.register_outputs({"id": self.registry.id})


def _region(location: str) -> ml.RegistryRegionArmDetailsArgs:
    images = ml.SystemCreatedAcrAccountArgs(acr_account_sku="Premium")
    files = ml.SystemCreatedStorageAccountArgs(
        storage_account_type="Standard_LRS", storage_account_hns_enabled=False, allow_blob_public_access=False
    )
    return ml.RegistryRegionArmDetailsArgs(
        location=location,
        acr_details=[ml.AcrDetailsArgs(system_created_acr_account=images)],
        storage_account_details=[ml.StorageAccountDetailsArgs(system_created_storage_account=files)],
    )
