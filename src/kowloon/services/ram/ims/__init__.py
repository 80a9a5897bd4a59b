"""IMS, the newer API over the same identities: users go by logon name or id. It adds what RAM's does not have."""
