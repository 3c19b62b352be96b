"""What a sealed model has learnt: its layers as they answer traffic, in numbers and pictures.

All of it is read from the sealed graph, so that it is the model that detects which is looked at, whoever learnt it.
"""
