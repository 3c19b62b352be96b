"""Measures Oddflow on this machine, beside other tools in the same run."""
