"""Who may do what: ACLs, policies, blocks, access points, referers."""
