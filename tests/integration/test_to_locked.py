"""docs/network.md: its section on the way to `locked`, with its commands run in order on its manifests."""

import re
import shlex
from pathlib import Path

from bootstrap.errors import ExitCode
from tests.helpers import ROOT, git, run_here
from tests.integration.test_getting_started import matches

PAGE = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## From `open` or `managed` to `locked`\n")[2].partition("\n## ")[0]


def test_commands_on_the_way_to_locked_print_what_the_page_shows(tmp_path: Path) -> None:
    """Where the page shows an error, the command refuses."""
    git("init", "--quiet", cwd=tmp_path)
    (tmp_path / "teams").mkdir()
    ran = []
    for language, text in re.findall(r"^```(console|yaml)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL):
        if language == "yaml":
            path, _, content = text.removeprefix("# ").partition("\n")
            (tmp_path / path).write_text(content, encoding="utf-8")
            continue
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            for words in command.split(" && "):
                program, *arguments = shlex.split(words)
                if program == "git":
                    git(*arguments, cwd=tmp_path)
                    continue
                done = run_here(*arguments, cwd=tmp_path)
                ran.append(arguments[0])
                refused = "error  " in shown
                assert done.code == (ExitCode.REFUSED if refused else ExitCode.DONE), (words, done.out, done.err)
                assert matches(shown, done.out), f"$ {words}\n{done.out}"
    assert ran == ["diff"] * 4
