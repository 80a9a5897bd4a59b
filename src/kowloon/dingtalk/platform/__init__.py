"""The open platform's kit: declared endpoints, both generations' forms and errors, one chain for all of them."""
