"""The only package that imports the engine at run time."""

from qe_plugins import pages

pages.keep()
