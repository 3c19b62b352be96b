"""What the first page tells: how things stand, rates, the budget, health."""
