"""What a person asks of the service: one TOML file, each of its keys known."""
