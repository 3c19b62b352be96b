"""Flow records on a durable stream: sensors ship them, and replicas that share its partitions judge them."""
