"""Alerts joined into incidents: what an attacker did to whom, from the first sign to the last."""
