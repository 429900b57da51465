"""The JSON Schemas of the manifests, made from their models. Editors complete and check by them."""

import json
from typing import Any

from pydantic import BaseModel

from bootstrap.manifests.schema import LinksManifest, PlatformManifest, TeamManifest

MODELS: dict[str, type[BaseModel]] = {"platform": PlatformManifest, "team": TeamManifest, "links": LinksManifest}
"""The models, by the name of their schema."""

FOLDER = ".schemas"


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of manifest. `name` is one of `MODELS`."""
    made = MODELS[name].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": f"{name} manifest"}


def schema_files() -> dict[str, str]:
    """The schemas as files of a platform repository, by path."""
    return {f"{FOLDER}/{name}.schema.json": json.dumps(schema(name), indent=2) + "\n" for name in MODELS}
