"""The questions about the database: answered from a file of this machine, or asked of the server."""
