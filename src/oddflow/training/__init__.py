"""Arrays and a network to a fitted detector, and to a sealed file."""
