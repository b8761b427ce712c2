"""The fleet: a tree of models that reads the market and can say, but never do, anything."""
