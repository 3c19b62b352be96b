"""How well detectors find what is known to be there: measures, with intervals, side by side."""
