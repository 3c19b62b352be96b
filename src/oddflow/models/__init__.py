"""A sealed model file to scores, without torch."""
