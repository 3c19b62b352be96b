"""What the service remembers of alerts and people: SQLite, or PostgreSQL for a team."""
