"""Agent and restore use the operating system in one place."""

import re
from pathlib import Path

from app.agent import system

AGENT = Path(system.__file__).parent.parent
OF_THE_SYSTEM = re.compile(
    r"^import (?:fcntl|resource|pwd|grp)\b|add_signal_handler|mountinfo|geteuid|dir_fd|/proc/self"
    r"|os\.(?:O_|chmod|fchmod|chown|fchown|utime|mknod|link|symlink|readlink|mkdir|rmdir|rename|unlink"
    r"|scandir\(|listdir|fstatvfs|statvfs|\w+xattr)",
    re.MULTILINE,
)
OWN_FILES = {"index.py", "index_file.py", "send.py"}
"""They open the agent's own files, by their paths."""


def test_no_module_but_those_of_the_system_asks_it_itself() -> None:
    others = [path for path in AGENT.glob("*.py") if path.name not in OWN_FILES]
    assert len(others) > 30
    assert [path.name for path in others if OF_THE_SYSTEM.search(path.read_text())] == []
