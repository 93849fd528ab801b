"""Databases that other programs made, as the console shows them, compared with the sqlite3 program."""
