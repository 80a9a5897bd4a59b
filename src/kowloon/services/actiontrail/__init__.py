"""ActionTrail: who did what, when and from where (API version 2020-07-06)."""
