"""Who may do what: accounts, sessions, tokens, limits and the trail of changes."""
