"""Processing of images: what is asked for (`pipeline`), and how it is done in a process of its own (`work`)."""
