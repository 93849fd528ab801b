"""The sub-commands of ``python -m app server``, a module each."""
