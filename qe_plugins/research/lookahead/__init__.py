"""Whether a run decides by what it cannot know yet: run again on data cut at its decisions."""
