"""What RAM and IMS have in common: rules over users, groups, keys, passwords and devices, whichever API asks."""
