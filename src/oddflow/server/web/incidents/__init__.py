"""Incidents and alerts as the pages show them."""
