"""All that agent and restore ask of the operating system and that not every one has.

``process``: locks, users and signals. ``mounts``: what is mounted, and what file systems are known by.
``posix``: names in open folders, modes, owners, extended attributes and times, for what is backed up and
for what is restored. ``open_file``: bytes by place, and holes. Backup and restore know
``app.agent.file_system``, which ``posix`` implements: another system, or a disk that cannot do as much, is
another implementation of it.

macOS lacks: ``O_PATH`` (a folder that may be passed through and not listed cannot be opened, what may not be
read gets no mode, and a link gets no owner), ``O_NOATIME`` (reading changes access times), Python's calls for
extended attributes, and ``/proc`` (a mount of the same file system is not known as one). Without them the
agent works and knows less.

Windows lacks: files opened by the descriptor of their folder (``dir_fd``) and ``O_NOFOLLOW``, on which the
safety of both rests; ``flock``; signal handlers of the event loop; user ids. There the import of these
modules fails, with the name of what is missing, and nothing is backed up or restored under weaker rules than
it says.
"""
