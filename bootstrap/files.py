"""Files that are written whole or not at all."""

import secrets
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; make its folder if needed.

    The content goes to a new file of a random name beside it, which then replaces it. An existing file keeps its
    permissions.

    Args:
        content: Bytes, or text to be written as UTF-8 with its newlines as they are.

    Raises:
        OSError: The file cannot be written; nothing is left beside it.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:32]}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if path.exists():
            temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
