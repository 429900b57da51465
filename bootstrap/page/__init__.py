"""Pages: HTML files that need nothing else, with one look. `drawing` makes their graphs and charts."""

from typing import Any


def template(package: str, name: str) -> Any:
    """A Jinja template that lies in `package`; it may include `style.css`, the look of all pages.

    What comes from outside is escaped. Raises jinja2.TemplateNotFound.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("bootstrap.page", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
