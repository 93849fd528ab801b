"""A tree with every oddity, backed up and restored by several programs, and compared by rsync."""
