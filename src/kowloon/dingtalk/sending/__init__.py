"""What applications send: messages of their robots, work notifications, DINGs."""
