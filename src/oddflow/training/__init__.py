"""How a network is fitted: one loop for every family."""
