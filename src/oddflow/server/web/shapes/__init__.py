"""What the API's answers hold."""
