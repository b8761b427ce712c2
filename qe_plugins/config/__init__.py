"""YAML in, structs out, then the engine's own objects."""
