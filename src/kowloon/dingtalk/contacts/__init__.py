"""Who is in an organisation: departments, members, roles; and the applications that may ask."""
