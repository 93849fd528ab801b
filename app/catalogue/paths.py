"""Names of files as people read, search and sort them; the exact bytes are kept beside."""

LONGEST_SUFFIX = 16


def path_of(raw_path: bytes) -> str:
    """Return a name for reading: what is no UTF-8, and NUL, is replaced."""
    return raw_path.decode("utf-8", "replace").replace("\0", "\ufffd")


def key_of(path: str) -> str:
    """Return what a name is sorted and searched by: any case."""
    return path.lower()


def name_of(path: str) -> str:
    """Return what stands behind the last slash or backslash."""
    return path.replace("\\", "/").rpartition("/")[2]


def suffix_of(path: str) -> str:
    """Return the lower-case ending without its dot; none for ``.profile``, nor one too long to be a type."""
    name = path.rpartition("/")[2].lstrip(".")
    _, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and len(suffix) <= LONGEST_SUFFIX else ""
