"""What is known of the ends of a flow besides the flow: names, lists that name them, countries."""
