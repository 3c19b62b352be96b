"""A baseline to a sealed model: split, fit, calibrate, seal."""
