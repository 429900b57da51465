"""A small repository of blueprints with the structure of this one: copier.yml, and a folder for each blueprint."""

from collections.abc import Mapping
from pathlib import Path

from tests.helpers import build_tree, git

COPIER_YML = """
    _subdirectory: "blueprints/{{ blueprint }}"
    blueprint:
      type: str
      help: The kind of project
      choices: {A table of rows: tabular, A pile of texts: text}
    project_name:
      type: str
      help: The project's name
      default: churn
      validator: >-
        {% if not (project_name | regex_search('^[a-z][a-z0-9-]{1,39}$')) %}needs 2 to 40 lower-case letters, digits
        and hyphens.{% endif %}
    package_name:
      type: str
      when: false
      default: "{{ project_name | replace('-', '_') }}"
    team: {type: str, help: The team that owns it}
    forge: {type: str, help: Where it is kept, default: github, choices: [github, azure-devops]}
    organization: {type: str, help: The DevOps organization, default: contoso, when: "{{ forge == 'azure-devops' }}"}
    folds: {type: int, help: How many folds, default: 5}
    notify: {type: bool, help: Send messages, default: false}
"""

BLUEPRINTS = {
    "copier.yml": COPIER_YML,
    "blueprints/tabular/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers | to_nice_yaml }}\n",
    "blueprints/tabular/README.md.jinja": "# {{ project_name }}\n\nOwned by {{ team }}.\n",
    "blueprints/tabular/{{ package_name }}/__init__.py.jinja": '"""{{ project_name }}, {{ folds }} folds."""\n',
    "blueprints/tabular/.gitignore": ".venv/\n",
    "blueprints/tabular/{% if forge == 'github' %}.github{% endif %}/workflows/ci.yml": "on: pull_request\n",
    "blueprints/tabular/{% if forge == 'azure-devops' %}azure-pipelines.yml{% endif %}": "trigger: none\n",
    "blueprints/text/README.md.jinja": "# {{ project_name }} of texts\n",
}


def blueprints(root: Path, changes: Mapping[str, str] | None = None) -> Path:
    """A git repository in `root` with the blueprints above and `changes`, in one commit."""
    build_tree(root, {**BLUEPRINTS, **(changes or {})})
    git("init", "--quiet", "--initial-branch=main", cwd=root)
    commit(root, "Blueprints")
    return root


def commit(root: Path, message: str) -> str:
    """Commit everything in `root` and return the commit's id."""
    git("add", "--all", cwd=root)
    git("commit", "--quiet", "--message", message, cwd=root)
    return git("rev-parse", "HEAD", cwd=root)


def bundle(root: Path, path: Path) -> Path:
    """Create the bundle of the repository `root`, as the wheel contains it."""
    git("bundle", "create", "--quiet", str(path), "HEAD", "--tags", cwd=root)
    return path
