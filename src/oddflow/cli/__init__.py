"""A person's words to calls of the library; the only place that prints."""
