"""The programs: bills of materials made of components."""

from infra.settings import HubSettings, StackSettings


def declare(settings: StackSettings) -> None:
    """Declare the resources of the stack that these settings are for."""
    # Imported late: each program loads only the provider modules that it uses.
    if isinstance(settings, HubSettings):
        from infra.programs.hub import hub

        hub(settings)
    else:
        from infra.programs.environment import environment

        environment(settings)
