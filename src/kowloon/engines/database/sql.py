"""Statements for accounts, databases and privileges. Names and secrets are quoted here and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable

from kowloon.engines.base import EngineError
from kowloon.engines.database.folder import SUPERUSER

# Members may do what the vendor's privileged accounts may: monitor, end sessions, make databases and accounts.
PRIVILEGED_GROUP = "rds_superuser"
PRIVILEGED_ROLES = ("pg_monitor", "pg_signal_backend", "pg_checkpoint")
SYSTEM_DATABASES = frozenset({"postgres", "template0", "template1"})
MAX_NAME_BYTES = 63
ITERATIONS = 4096
# The cloud's own password is long and random: iterations add nothing to it and cost each probe's connect.
OWN_ITERATIONS = 64

ENCODINGS = {
    "utf8": "UTF8",
    "utf8mb4": "UTF8",
    "sql_ascii": "SQL_ASCII",
    "latin1": "LATIN1",
    "euc_cn": "EUC_CN",
    "koi8u": "KOI8U",
    "win1252": "WIN1252",
}

_READ = "SELECT"
_WRITE = "SELECT, INSERT, UPDATE, DELETE"
# Privilege: on tables, on sequences, may it make objects.
PRIVILEGES: dict[str, tuple[str, str, bool]] = {
    "ReadOnly": (_READ, "SELECT", False),
    "DMLOnly": (_WRITE, "USAGE, SELECT, UPDATE", False),
    "DDLOnly": ("", "", True),
    "ReadWrite": (_WRITE, "USAGE, SELECT, UPDATE", True),
    "DBOwner": ("ALL", "ALL", True),
}


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Right with `standard_conforming_strings`, which is on."""
    return "'" + text.replace("'", "''") + "'"


def check_account(name: str) -> str:
    _check_name("account", name)
    if name.lower() in (SUPERUSER, PRIVILEGED_GROUP, "postgres", "public", "none") or name.lower().startswith("pg_"):
        raise EngineError(f"The account name {name} is reserved.")
    return name


def check_database(name: str) -> str:
    _check_name("database", name)
    if name in SYSTEM_DATABASES:
        raise EngineError(f"The database {name} is PostgreSQL's own.")
    return name


def _check_name(kind: str, name: str) -> None:
    if not name or "\0" in name or len(name.encode()) > MAX_NAME_BYTES:
        raise EngineError(f"A name of a {kind} has 1 to {MAX_NAME_BYTES} bytes and no zero byte.")


def verifier(password: str, iterations: int = ITERATIONS) -> str:
    """What PostgreSQL keeps of a password, so that the password itself is in no statement and no log."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(each).decode() for each in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored_text}:{server_text}"


def own_node(password: str) -> list[str]:
    """The first thing a new node is told: who owns it. The password last, for it ends the template's."""
    group = identifier(PRIVILEGED_GROUP)
    return [
        # There may be no standby yet to wait for.
        "SET LOCAL synchronous_commit = local",
        f"CREATE ROLE {group} NOLOGIN",
        f"GRANT {', '.join(PRIVILEGED_ROLES)} TO {group}",
        f"ALTER ROLE {identifier(SUPERUSER)} PASSWORD {literal(verifier(password, OWN_ITERATIONS))}",
    ]


def put_account(name: str, password: str, superuser: bool, exists: bool) -> list[str]:
    role = identifier(check_account(name))
    rights = "CREATEDB CREATEROLE" if superuser else "NOCREATEDB NOCREATEROLE"
    # SCRAM passwords beyond ASCII need preparing, which the server does.
    secret = verifier(password) if password.isascii() else password
    verb = "ALTER" if exists else "CREATE"
    membership = f"GRANT {PRIVILEGED_GROUP} TO {role}" if superuser else f"REVOKE {PRIVILEGED_GROUP} FROM {role}"
    return [f"{verb} ROLE {role} LOGIN NOSUPERUSER NOREPLICATION {rights} PASSWORD {literal(secret)}", membership]


def create_database(name: str, character_set: str) -> str:
    encoding = ENCODINGS.get(character_set.lower())
    if encoding is None:
        raise EngineError(f"PostgreSQL has no databases in {character_set}; choose one of {', '.join(ENCODINGS)}.")
    locale = "" if encoding == "UTF8" else " LOCALE_PROVIDER libc LOCALE 'C'"
    return f"CREATE DATABASE {identifier(check_database(name))} TEMPLATE template0 ENCODING '{encoding}'{locale}"


def close_database(name: str) -> list[str]:
    """A new database is open to nobody but privileged accounts."""
    database = identifier(name)
    return [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC", f"GRANT ALL ON DATABASE {database} TO {PRIVILEGED_GROUP}"]


def open_schema() -> list[str]:
    """Run in a new database: privileged accounts may make and use everything."""
    return [
        f"GRANT ALL ON SCHEMA public TO {PRIVILEGED_GROUP}",
        *(
            f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO {PRIVILEGED_GROUP}"
            for kind in ("TABLES", "SEQUENCES", "FUNCTIONS")
        ),
    ]


def revoke(account: str, database: str, schemas: Iterable[str], creators: Iterable[str]) -> list[str]:
    role = identifier(check_account(account))
    statements = [f"REVOKE ALL ON DATABASE {identifier(check_database(database))} FROM {role}"]
    for schema in map(identifier, schemas):
        statements.append(f"REVOKE ALL ON SCHEMA {schema} FROM {role}")
        statements += [
            f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {role}" for kind in ("TABLES", "SEQUENCES", "ROUTINES")
        ]
    for creator in map(identifier, creators):
        statements += [
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {creator} REVOKE ALL ON {kind} FROM {role}"
            for kind in ("TABLES", "SEQUENCES")
        ]
    return statements


def grant(account: str, database: str, privilege: str, schemas: Iterable[str], creators: Iterable[str]) -> list[str]:
    """`creators`: whoever may make objects there, so that this account is given what they make later."""
    if privilege not in PRIVILEGES:
        raise EngineError(f"{privilege} is no privilege; choose one of {', '.join(PRIVILEGES)}.")
    role, name = identifier(check_account(account)), identifier(check_database(database))
    on_tables, on_sequences, may_create = PRIVILEGES[privilege]
    rights = "ALL" if may_create else "CONNECT, TEMPORARY"
    statements = [f"GRANT {rights} ON DATABASE {name} TO {role}"]
    for schema in map(identifier, schemas):
        statements.append(f"GRANT {'ALL' if may_create else 'USAGE'} ON SCHEMA {schema} TO {role}")
        if on_tables:
            statements.append(f"GRANT {on_tables} ON ALL TABLES IN SCHEMA {schema} TO {role}")
            statements.append(f"GRANT {on_sequences} ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    for creator in map(identifier, creators):
        if on_tables:
            statements += default_grants(creator, role, on_tables, on_sequences)
    if privilege == "DBOwner":
        statements.append(f"ALTER DATABASE {name} OWNER TO {role}")
    return statements


def default_grants(creator: str, role: str, on_tables: str, on_sequences: str) -> list[str]:
    """Both already quoted."""
    prefix = f"ALTER DEFAULT PRIVILEGES FOR ROLE {creator} GRANT"
    return [f"{prefix} {on_tables} ON TABLES TO {role}", f"{prefix} {on_sequences} ON SEQUENCES TO {role}"]


USER_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
# Whoever can make tables in public, by whatever way. pg_database_owner, public's owner, is not a login.
CREATORS = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND has_schema_privilege(oid, 'public', 'CREATE')"
# The cloud's own default privileges are the record of who may use what others make.
RECORDED = f"""
SELECT grantee.rolname AS role, acl.defaclobjtype AS kind, string_agg(item.privilege_type, ', ') AS rights
FROM pg_default_acl acl
JOIN pg_roles owner ON owner.oid = acl.defaclrole AND owner.rolname = {literal(SUPERUSER)}
CROSS JOIN LATERAL aclexplode(acl.defaclacl) item
JOIN pg_roles grantee ON grantee.oid = item.grantee AND grantee.rolname <> {literal(SUPERUSER)}
WHERE acl.defaclobjtype IN ('r', 'S') AND acl.defaclnamespace = 0
GROUP BY 1, 2
"""
KINDS = {b"r": "TABLES", b"S": "SEQUENCES"}
