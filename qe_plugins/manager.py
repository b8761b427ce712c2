"""Plugins: available, active, asked."""
