"""Interactive cards: messages whose content lives on, and whose buttons ask the application back."""
