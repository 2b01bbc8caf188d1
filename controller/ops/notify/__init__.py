"""Ways to tell people of an alert: one file each. They deliver what they are given, and decide nothing."""
