"""Explains one alert by the model that made it: what in it is odd, what is near it, and what would make it normal."""
