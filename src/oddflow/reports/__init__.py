"""Alerts to pages for people."""
