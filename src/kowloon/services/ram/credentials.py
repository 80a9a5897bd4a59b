"""Who owns which access key: the CredentialSource over the store."""

from __future__ import annotations

import msgspec

from kowloon.actions.ports import AccessKey, Principal, Standing
from kowloon.store.identity import LoginProfile, Role, StoredKey, User
from kowloon.store.store import Store


class StoredCredentials:
    """Keys that were found are kept while no identity changes: every call asks for one. `standing` says who holds which
    post at that moment."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._found: dict[str, AccessKey] = {}
        self._watch = store.watch(StoredKey, Role, User, LoginProfile)

    def find(self, access_key_id: str) -> AccessKey | None:
        if self._watch.changed():
            self._found.clear()
        found = self._found.get(access_key_id)
        if found is None:
            found = self._look_up(access_key_id)
            if found is not None:
                self._found[access_key_id] = found
        if found is not None and found.principal.post_user and not self._stands(found.principal):
            # To the second at which the post went to somebody else.
            return msgspec.structs.replace(found, expires_at=0.0)
        return found

    def _stands(self, principal: Principal) -> bool:
        return bool(self._standing.post_of(principal.post_user, principal.post_role))

    def _look_up(self, access_key_id: str) -> AccessKey | None:
        key = self._store.get(StoredKey, access_key_id)
        if key is None:
            return None
        principal = self._principal(key)
        if principal is None:
            return None
        return AccessKey(
            id=key.id,
            secret=key.secret,
            principal=principal,
            active=key.active,
            token=key.token,
            expires_at=key.expires_at,
        )

    def _principal(self, key: StoredKey) -> Principal | None:
        if key.role:
            role = self._store.get(Role, key.role)
            # The sessions of a deleted role end, also when another of its name was made.
            if role is None or role.role_id != key.role_id:
                return None
            return Principal(
                account=key.account,
                type="AssumedRoleUser",
                arn=f"acs:ram::{key.account}:assumed-role/{role.name.lower()}/{key.session_name}",
                id=f"{role.role_id}:{key.session_name}",
                name=role.name,
                role_id=role.role_id,
                policy=key.policy,
                began_at=key.created_at,
                source_identity=key.source_identity,
                provider=key.provider,
                subject=key.subject,
                post_user=key.post_user,
                post_role=key.post_role,
            )
        if key.user:
            user = self._store.get(User, key.user)
            if user is None or (key.token and not self._may_stay(user, key)):
                return None
            return Principal(
                account=key.account,
                type="RAMUser",
                arn=f"acs:ram::{key.account}:user/{user.name}",
                id=user.user_id,
                name=user.name,
                began_at=key.created_at if key.token else None,
                mfa=key.mfa,
            )
        return Principal(
            account=key.account, type="Account", arn=f"acs:ram::{key.account}:root", id=key.account, name="root"
        )

    def _may_stay(self, user: User, session: StoredKey) -> bool:
        """Who signed in stays so until the password is another, or counts no more; of whom a product has made sure, as
        long as the session lasts."""
        if session.service:
            return True
        profile = self._store.get(LoginProfile, user.user_id)
        return profile is not None and profile.active and profile.changed_at == session.password_at
