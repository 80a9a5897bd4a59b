"""SelectObject: what is asked (`request`), and how it is answered in a process of its own (`work`)."""
