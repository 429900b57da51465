"""Registries: of images, one per environment; of models, one for the organization."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry
from pulumi_azure_native import machinelearningservices as ml

from infra.components.keys import CustomerKey
from infra.components.place import Place
from infra.reference import Reference
from infra.settings import RegistryAccess
from infra.tables.network_modes import Inbound


@dataclass(frozen=True)
class ContainerRegistryArgs:
    """A registry of images.

    Attributes:
        premium: The tier that private endpoints, those of a managed network too, and lists of addresses take.
        inbound: From where it can be reached.
        key: The key that encrypts it, where that is not Azure's.
    """

    place: Place
    premium: bool
    inbound: Inbound
    key: CustomerKey | None = None


class ContainerRegistry(pulumi.ComponentResource):
    """The registry of a workspace's images. Nobody logs in with a password."""

    registry: Reference

    def __init__(self, name: str, args: ContainerRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("bootstrap:registries:ContainerRegistry", name, None, opts)
        place = args.place
        registry_name = place.name_of("container_registry")
        sku = containerregistry.SkuName.PREMIUM if args.premium else containerregistry.SkuName.STANDARD
        registry = containerregistry.Registry(
            name,
            resource_group_name=place.group.name_when_made,
            registry_name=registry_name,
            location=place.location,
            sku=containerregistry.SkuArgs(name=sku),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            public_network_access=containerregistry.PublicNetworkAccess.ENABLED
            if args.inbound.public
            else containerregistry.PublicNetworkAccess.DISABLED,
            network_rule_set=_rules(args.inbound),
            identity=_identity(args.key),
            encryption=_encryption(args.key),
            network_rule_bypass_options=containerregistry.NetworkRuleBypassOptions.AZURE_SERVICES,
            tags=place.tags,
            opts=place.stateful(self, args.key.after if args.key is not None else (), kind="container_registry"),
        )
        self.registry = place.group.within(
            f"providers/Microsoft.ContainerRegistry/registries/{registry_name}", registry
        )
        self.register_outputs({"id": self.registry.id})


def _identity(key: CustomerKey | None) -> containerregistry.IdentityPropertiesArgs | None:
    if key is None:
        return None
    return containerregistry.IdentityPropertiesArgs(
        type=containerregistry.ResourceIdentityType.USER_ASSIGNED,
        # A map, unlike elsewhere. That the identity is there, its rights on the vault see to.
        user_assigned_identities={key.identity.id: containerregistry.UserIdentityPropertiesArgs()},
    )


def _encryption(key: CustomerKey | None) -> containerregistry.EncryptionPropertyArgs | None:
    # https://learn.microsoft.com/azure/container-registry/tutorial-customer-managed-keys
    if key is None:
        return None
    return containerregistry.EncryptionPropertyArgs(
        status=containerregistry.EncryptionStatus.ENABLED,
        key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
            identity=key.client_id, key_identifier=key.newest
        ),
    )


def _rules(inbound: Inbound) -> containerregistry.NetworkRuleSetArgs | None:
    """Rules for addresses; only the Premium tier takes any, even one that lets all in."""
    if inbound.everywhere:
        return None
    return containerregistry.NetworkRuleSetArgs(
        default_action=containerregistry.DefaultAction.DENY,
        ip_rules=[
            containerregistry.IPRuleArgs(action=containerregistry.Action.ALLOW, i_p_address_or_range=allowed)
            for allowed in inbound.ips
        ],
    )


@dataclass(frozen=True)
class ModelRegistryArgs:
    """Where the registry lies.

    Attributes:
        locations: Where it keeps a copy of everything: those of the hub and of all environments.
        access: Whether it has a public address.
    """

    place: Place
    locations: Sequence[str]
    access: RegistryAccess


class ModelRegistry(pulumi.ComponentResource):
    """The Azure ML registry through which the organization's environments share models.

    Azure makes a storage account for it in each location, and one container registry, which it replicates to them.
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-registries

    Attributes:
        files: The ids of the storage accounts, by location; known once they are made.
        images: The id of the container registry, likewise.
    """

    registry: Reference
    files: dict[str, pulumi.Output[str]]
    images: pulumi.Output[str]

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
            public_network_access=ml.PublicNetworkAccessType.ENABLED
            if args.access == "public"
            else ml.PublicNetworkAccessType.DISABLED,
            region_details=[_region(location) for location in args.locations],
            tags=place.tags,
            opts=place.stateful(self),
        )
        self.registry = place.group.within(
            f"providers/Microsoft.MachineLearningServices/registries/{registry_name}", registry
        )
        # A preview answers with the regions as they went in; the id is unknown until Azure has answered.
        regions: pulumi.Output[_Regions] = registry.id.apply(lambda _: registry.region_details)
        self.files = {location: _files_in(location, regions) for location in args.locations}
        self.images = regions.apply(lambda told: _images(told, place.location))
        self.register_outputs({"id": self.registry.id})


_Regions = Sequence["ml.outputs.RegistryRegionArmDetailsResponse"] | None


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


def _files_in(location: str, regions: pulumi.Output[_Regions]) -> pulumi.Output[str]:
    return regions.apply(lambda told: _files(told, location))


def _files(regions: _Regions, location: str) -> str:
    """The id of the storage account that Azure made for a location. Raises ValueError when its answer does not tell."""
    accounts = [
        details.system_created_storage_account for details in _in(regions, location).storage_account_details or ()
    ]
    return _id([made.arm_resource_id for made in accounts if made], "files", location)


def _images(regions: _Regions, location: str) -> str:
    """The id of the container registry, as Azure tells it with any location. Raises ValueError likewise."""
    registries = [details.system_created_acr_account for details in _in(regions, location).acr_details or ()]
    return _id([made.arm_resource_id for made in registries if made], "images", location)


def _in(regions: _Regions, location: str) -> "ml.outputs.RegistryRegionArmDetailsResponse":
    for region in regions or ():
        if region.location == location:
            return region
    raise ValueError(f"Azure does not say that the model registry is in {location}")


def _id(found: "Sequence[ml.outputs.ArmResourceIdResponse | None]", what: str, location: str) -> str:
    ids = [made.resource_id for made in found if made and made.resource_id]
    if not ids:
        raise ValueError(f"Azure does not say what the model registry keeps its {what} in, in {location}")
    return ids[0]
