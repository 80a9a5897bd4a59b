"""Who serves when: shifts by calendar rules, an assignment by declared rules, and a checker that shares no code with
what made it. Pure: structs in, structs out."""
