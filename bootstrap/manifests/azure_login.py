"""The subscription and the tenant that the Azure CLI is logged in to, for `platform init`.

What `az account show` prints: https://learn.microsoft.com/cli/azure/manage-azure-subscriptions-azure-cli
A login without a subscription has the tenant's id in its place:
https://github.com/Azure/azure-cli/blob/dev/src/azure-cli-core/azure/cli/core/_profile.py
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from bootstrap.errors import InputError, MissingError
from bootstrap.manifests.scaffold import validated
from bootstrap.processes import child

_SECONDS = 5.0
"""How long `az` may take: it reads files of the user's home, and starts within a second or two."""

_LARGEST = 2**16


def azure_login() -> dict[str, str]:
    """The answers to the questions `subscription` and `tenant`.

    Raises:
        MissingError: `az` is not installed or not logged in, does not answer in time, or answers something else.
    """
    found = shutil.which("az")
    # Windows looks in the current folder first, and that may be somebody's repository.
    if found is None or Path(found).parent == Path():
        raise _missing("az is not installed, or not on PATH.")
    # Into files: a process that it leaves behind could keep a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = [found, "account", "show", "--output", "json"]
        try:
            with child(command, cwd=Path.cwd(), stdout=out, stderr=err) as process:
                code = process.wait(timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise _missing(f"It did not answer within {_SECONDS:.0f} seconds.") from error
        except OSError as error:
            raise _missing(f"{found} cannot be run: {error.strerror}.") from error
        out.seek(0)
        err.seek(0)
        if code != 0:
            raise _missing(err.read(_LARGEST).decode(errors="replace").strip() or f"Its exit code is {code}.")
        answer = out.read(_LARGEST)
    try:
        account = json.loads(answer)
        cloud, subscription, tenant = (account[key] for key in ("environmentName", "id", "tenantId"))
        answers = validated({"subscription": subscription, "tenant": tenant})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, InputError) as error:
        raise _missing(
            "It printed something else than an account with the ids of a subscription and a tenant."
        ) from error
    if cloud != "AzureCloud":
        raise _missing(f"It is logged in to another cloud than Azure's public one: {cloud}.")
    if answers["subscription"] == answers["tenant"]:
        raise _missing("It is logged in to a tenant without a subscription.")
    return answers


def _missing(why: str) -> MissingError:
    return MissingError(
        "az account show gives no subscription.",
        why=why,
        hint="Log in (az login), or give --subscription and --tenant.",
    )
