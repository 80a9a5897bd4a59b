"""What people have to do, when, and in which shift: todo, calendar, attendance."""
