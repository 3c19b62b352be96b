"""What people say of alerts."""
