"""Approvals: forms, what is asked for with them, and who has to agree."""
