"""What people say of alerts, as rules: benign ones hide alike alerts, malicious ones never let them be hidden."""
