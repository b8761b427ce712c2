"""A scan on a Temporal cluster: the only part of the house that imports temporalio."""
