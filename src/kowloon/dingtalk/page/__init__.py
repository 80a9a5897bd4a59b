"""The chat page at `/dingtalk`: who looks at it, its calls, and what it is told while it is open."""
