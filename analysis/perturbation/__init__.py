"""What a network answers when the structure around a particle changes."""
