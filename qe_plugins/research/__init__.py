"""What is learned from many runs."""
