"""Rules of another desk."""
