"""What people said, kept: messages of conversations in order, and how far each has read."""
