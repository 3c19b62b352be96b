"""Triage that learns: which alert an analyst should look at next, by reinforcement."""
