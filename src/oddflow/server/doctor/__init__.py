"""Settings held against the machine that they are for: what is well, what is doubtful, what cannot work."""
