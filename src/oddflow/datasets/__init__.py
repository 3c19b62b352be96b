"""Labelled data sets: what they hold, what their labels mean, how they are split and checked."""
