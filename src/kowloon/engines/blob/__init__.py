"""Where objects are: one store per zone, and the copies that a layout asks for."""
