"""The version of the program, for its programs, its package and its interface alike."""

VERSION = "0.1.0"
