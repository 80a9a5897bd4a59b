"""The exchange: balances and withdrawals over HTTP, the ledger in PostgreSQL. Runs on every instance.

    GET  /health             is this process alive
    GET  /accounts/NAME      {"account", "balance"}
    POST /withdrawals        {"id", "account", "amount"}: acknowledged with 200 after the commit, never before
    GET  /ledger             the ids of all withdrawals

Every few seconds it also writes alice's statement to object storage, by a signed URL that it was given, so that no key
is kept on an instance. Customers fetch statements from there, not from here. While storage takes none, the exchange
goes on without: the next statement that is taken has everything in it.

A withdrawal is idempotent by its id: who got no answer sends it again, to any instance, and it counts once.

/health says nothing about the database on purpose. All instances share it, so a check that failed with it would take
every one of them out of the load balancer at once, and keep them out for some checks after the database is back.
A request that needs the database is answered with 503 within 0.8 s instead.
"""

import asyncio
import contextlib
import json
import os
import urllib.request

import asyncpg

DSN = os.environ["EXCHANGE_DSN"]
ADDRESS = os.environ["KOWLOON_BIND_ADDRESS"]
STATEMENT_URL = os.environ["EXCHANGE_STATEMENT_PUT_URL"]
PORT = 8080
DATABASE_S = 0.8
STATEMENT_EVERY_S = 2.0
STATEMENT_S = 2.0
MOST_CONNECTIONS = 16
# A goodbye of the server's between two statements is said by asyncpg at the next one, as an InternalClientError.
CONNECTION_LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
NO_ANSWER = (*CONNECTION_LOST, TimeoutError, asyncpg.PostgresError)
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}

# The lock: instances that start together do not create the tables twice.
SCHEMA = """
SELECT pg_advisory_xact_lock(8080);
CREATE TABLE IF NOT EXISTS accounts (name text PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE IF NOT EXISTS withdrawals (
    id text PRIMARY KEY, account text NOT NULL REFERENCES accounts, amount bigint NOT NULL);
INSERT INTO accounts VALUES ('alice', 1000000000) ON CONFLICT DO NOTHING;
"""
WITHDRAW = """
WITH entry AS (
    INSERT INTO withdrawals VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING RETURNING id)
UPDATE accounts SET balance = balance - $3 WHERE name = $2 AND EXISTS (SELECT FROM entry)
"""


class Database:
    """Connections that work are kept; one that fails, or is late, is dropped at once and never waited for."""

    def __init__(self):
        self._idle = []
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)

    @contextlib.asynccontextmanager
    async def connection(self):
        async with asyncio.timeout(DATABASE_S), self._slots:
            connection = None
            while self._idle and (connection is None or connection.is_closed()):
                connection = self._idle.pop()
            if connection is None or connection.is_closed():
                connection = await asyncpg.connect(DSN)
            try:
                yield connection
            except BaseException:
                connection.terminate()
                raise
            self._idle.append(connection)

    async def run(self, statement, *arguments):
        """Twice if need be: an idle connection may have died with the former primary."""
        try:
            async with self.connection() as connection:
                return await connection.fetch(statement, *arguments)
        except CONNECTION_LOST:
            self._idle.clear()
            async with self.connection() as connection:
                return await connection.fetch(statement, *arguments)

    async def create_tables(self):
        while True:
            try:
                async with self.connection() as connection:
                    await connection.execute(SCHEMA)
                return
            except NO_ANSWER as problem:
                print(f"waiting for the database: {problem!r}", flush=True)
                await asyncio.sleep(0.5)


async def keep_statements(database):
    while True:
        try:
            account, withdrawn = await asyncio.gather(
                database.run("SELECT name, balance FROM accounts WHERE name = 'alice'"),
                database.run("SELECT count(*) AS count FROM withdrawals WHERE account = 'alice'"),
            )
            statement = {**dict(account[0]), "withdrawals": withdrawn[0]["count"]}
            await asyncio.to_thread(put, STATEMENT_URL, json.dumps(statement).encode())
        except (*NO_ANSWER, IndexError) as problem:
            print(f"no statement this time: {problem!r}", flush=True)
        await asyncio.sleep(STATEMENT_EVERY_S)


def put(url, content):
    """OSError for any refusal. The content type is part of what was signed."""
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=STATEMENT_S):
        pass


async def answer(database, method, path, body):
    """The status and what to say."""
    if (method, path) in (("GET", "/health"), ("HEAD", "/health")):
        return 200, {"status": "alive"}
    if method == "GET" and path.startswith("/accounts/"):
        name = path.removeprefix("/accounts/")
        rows = await database.run("SELECT balance FROM accounts WHERE name = $1", name)
        return (200, {"account": name, "balance": rows[0]["balance"]}) if rows else (404, {"error": "no such account"})
    if (method, path) == ("POST", "/withdrawals"):
        asked = json.loads(body)
        await database.run(WITHDRAW, str(asked["id"]), str(asked["account"]), int(asked["amount"]))
        return 200, {"id": asked["id"], "zone": os.environ.get("KOWLOON_ZONE", "")}
    if (method, path) == ("GET", "/ledger"):
        return 200, [row["id"] for row in await database.run("SELECT id FROM withdrawals")]
    return 404, {"error": "no such thing"}


async def one_request(database, reader):
    """(status, body, whether the connection stays) of the next request; None at the end of the connection."""
    line = await reader.readline()
    if not line.strip():
        return None
    method, target, version = line.decode("latin-1").split()
    headers = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    try:
        status, said = await answer(database, method, target.partition("?")[0], body)
    except (ValueError, KeyError):
        status, said = 400, {"error": "the request is not understood"}
    except NO_ANSWER as problem:
        status, said = 503, {"error": f"the database does not answer: {type(problem).__name__}"}
    content = b"" if method == "HEAD" else json.dumps(said).encode()
    stays = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return status, content, stays


async def serve(database, reader, writer):
    with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
        while (found := await one_request(database, reader)) is not None:
            status, content, stays = found
            head = [f"HTTP/1.1 {status} {REASONS[status]}", "Content-Type: application/json"]
            head += [f"Content-Length: {len(content)}", *([] if stays else ["Connection: close"]), "", ""]
            writer.write("\r\n".join(head).encode() + content)
            await writer.drain()
            if not stays:
                break
    writer.close()


async def main():
    database = Database()
    server = await asyncio.start_server(lambda reader, writer: serve(database, reader, writer), ADDRESS, PORT)
    print(f"listening on {ADDRESS}:{PORT}", flush=True)
    await database.create_tables()
    print("serving", flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_statements(database))
        tasks.create_task(server.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
