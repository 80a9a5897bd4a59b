"""Every bound of the house in one place: queues, caches, logs, waits, sizes."""

from __future__ import annotations

# Wire
MAX_TARGET_BYTES = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 128
MAX_BODY_BYTES = 8 * 1024 * 1024
# Longer bodies are offered to a receiver before they are kept in memory.
GATHER_BYTES = 128 * 1024
# Of a body that nobody wants, so that its client comes to read the answer.
MAX_DISCARDED_BYTES = 1024 * 1024 * 1024
MAX_PIPELINE = 64
# Everybody's open page, and what else their browsers keep open.
MAX_CONNECTIONS = 16_384
HEADER_TIMEOUT_S = 20.0
BODY_TIMEOUT_S = 60.0
KEEP_ALIVE_TIMEOUT_S = 75.0
# Of a WebSocket, whose peer is asked for a sign of life when it is silent.
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_UNSENT_BYTES = 4 * 1024 * 1024
PING_INTERVAL_S = 30.0
MAX_UNANSWERED_PINGS = 3
MAX_PARAMETERS = 4096
MAX_NESTING = 8

# Signatures
TIMESTAMP_WINDOW_S = 15 * 60
NONCES_KEPT = 200_000

# Records
RECENT_EVENTS = 2_000
SSE_QUEUE = 1_000
CLIENT_TOKENS_KEPT = 20_000
CLIENT_TOKEN_LIFETIME_S = 24 * 3600
RESOURCES_PER_KIND = 50_000
# Of duty's history, and of its messages: then the oldest go.
DUTY_RECORDS_KEPT = 40_000

# Controllers
RECONCILE_QUEUE = 100_000
BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 30.0
COMMIT_RETRIES = 5

# Units
LEASE_S = 30.0
SUPERVISOR_REPLY_S = 30.0
COMMAND_OUTPUT_BYTES = 24 * 1024
USER_DATA_BYTES = 32 * 1024

# The messenger
DINGTALK_CALLS_PER_S = 200
DINGTALK_PEOPLE = 10_000
DINGTALK_CONVERSATIONS = 10_000
# Per application: open Stream connections, and events that nobody has taken.
DINGTALK_STREAM_CONNECTIONS = 50
DINGTALK_EVENTS_KEPT = 2_000
# Of what one organisation sent to several people at once, its cards, its approvals: then the oldest go.
DINGTALK_RECORDS = 5_000
# Of one organisation's files in messages: then the oldest go.
DINGTALK_MEDIA_BYTES = 2 * 1024 * 1024 * 1024
# Of one member's chat page: open connections; what may be said, and sent at all, at once and in a second.
DINGTALK_PAGES_OF_ONE = 50
DINGTALK_SAYS_AT_ONCE = 20
DINGTALK_SAYS_PER_S = 10.0
DINGTALK_FRAMES_AT_ONCE = 200
DINGTALK_FRAMES_PER_S = 50.0
