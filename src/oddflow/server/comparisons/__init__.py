"""Models that are compared on flows of the store, in a process that may do little."""
