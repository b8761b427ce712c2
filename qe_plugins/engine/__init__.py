"""The only package that imports the engine at run time."""
