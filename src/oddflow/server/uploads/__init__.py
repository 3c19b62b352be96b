"""Captures that people send, judged in a process that may do little."""
