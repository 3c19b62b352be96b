"""Scores to alerts, with reasons."""
