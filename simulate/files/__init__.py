"""What lies on disk: our files, their layout and provenance, and other people's formats."""
