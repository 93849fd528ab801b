"""The records: frozen values shared by server, streams and screen, told over JSON as they stand here."""
