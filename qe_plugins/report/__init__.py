"""What a trader reads after a run."""
