"""A sensor: live interfaces metered and watched by processes without privileges, which say what they lost."""
