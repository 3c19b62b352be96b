"""Whether traffic still is what was learnt: of features, of scores, of the rate of alerts."""
