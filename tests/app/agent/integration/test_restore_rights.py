import os
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

AS_ANOTHER = """
import os, sys
from pathlib import Path
from app.agent.restore_plan import Item
from app.agent.restore_tree import TargetTree
from streams.model.vocabulary import EntryKind
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
def item(parts, kind, mode):
    return Item(parts, b"", kind, 0, 0, 5, mode, None, b"to")
tree = TargetTree(Path(sys.argv[1]))
for _ in range(2):
    tree.make_folder((b"a",), overwrite=True)
    tree.make_folder((b"a", b"b"), overwrite=True)
    file = tree.new_file((b"a", b"b", b"f"), overwrite=True)
    file.write(b"x")
    file.keep(item((b"a", b"b", b"f"), EntryKind.FILE, 0o400), overwrite=True)
    file.close()
    tree.make_link(item((b"a", b"l"), EntryKind.LINK, 0o777), overwrite=True)
    for parts, mode in (((b"a", b"b"), 0), ((b"a",), 0o555)):
        tree.finish(item(parts, EntryKind.FOLDER, mode))
# And where the plan does not give the folders their modes.
file = tree.new_file((b"a", b"b", b"g"), overwrite=False)
file.keep(item((b"a", b"b", b"g"), EntryKind.FILE, 0o400), overwrite=False)
file.close()
tree.put_modes_back()
"""


def test_folders_of_ours_without_rights_are_written_and_keep_their_modes(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        code = [sys.executable, "-c", AS_ANOTHER, f"{folder}/to"]
        subprocess.run(code, check=True, cwd=Path(__file__).parents[4])
        modes = {name: stat.S_IMODE(os.lstat(f"{folder}/to/{name}").st_mode) for name in ("a", "a/b")}
        assert modes == {"a": 0o555, "a/b": 0}
        Path(f"{folder}/to/a/b").chmod(0o700)
        Path(f"{folder}/to/a").chmod(0o700)
        assert sorted(os.listdir(f"{folder}/to/a/b")) == ["f", "g"]
