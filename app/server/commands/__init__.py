"""The sub-commands of ``tidewatch server``, a module each."""
