"""How the local model speaks on the wire: each provider format as its real servers write it."""
