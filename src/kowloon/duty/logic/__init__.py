"""What happens to an organisation's duty, inside a transaction: pure, so that it can run again."""
