"""The application and its process: every page, the stream and the files, behind the guard.

`app.py` puts them together, `process.py` binds the port and prints the address. A page may be
added without reading here. Imports the rest of the Observatory.
"""
