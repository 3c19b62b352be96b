"""The processes of the service, and who looks after them."""
