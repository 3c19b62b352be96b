"""What larger machines, and more of them, would do: models that are driven by what one core was measured to do."""
