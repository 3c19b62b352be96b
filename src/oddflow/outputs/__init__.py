"""Telling other systems: alerts and incidents in their formats, over their transports, at least once."""
