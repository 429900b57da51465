"""Pages: HTML files that need nothing else, with one style sheet. `graph` puts the boxes of a graph into levels."""

import base64
import functools
import hashlib

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template


@functools.cache
def template(package: str, name: str) -> Template:
    """Load a Jinja template of `package`; it may import `base.html.j2`, which has the head and the graph of all pages.

    Values are escaped. Raises jinja2.TemplateNotFound.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("bootstrap.page", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["digest"] = _digest
    return environment.get_template(name)


def _digest(text: str) -> str:
    """The source expression that allows an inline script or style in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
