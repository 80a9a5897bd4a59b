"""What is selected from, and the ways to ask."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import oss2

CSV = (
    "name,company,age,score\n"
    'Lora Francis,"Staples, Inc",27,1.5\n'
    "Eleanor Little,Conectiv,43,2.25\n"
    "#a comment,x,1,1\n"
    'Rosie "Ro" Hughes,Western,44,\n'
    '"Lawrence\nRoss",MetLife,24,10\n'
    "Short\n"
)
PEOPLE = [
    {"name": "Ann", "age": 30, "tags": ["a", "b"], "home": {"city": "Hong Kong"}, "x y": 1},
    {"name": "Bo", "age": 41.5, "tags": [], "home": {"city": "Macau"}, "ok": True},
    {"name": "Cy", "age": None, "home": {}},
]
USE = {"CsvHeaderInfo": "Use", "CommentCharacter": "#"}


def select(bucket: oss2.Bucket, sql: str, key: str = "a.csv", **params: Any) -> str:
    result = bucket.select_object(key, sql, select_params=params or None)
    assert result.status == 206
    return result.read().decode()


def lines(bucket: oss2.Bucket, sql: str, key: str = "lines.json", kind: str = "LINES", **params: Any) -> list[Any]:
    text = select(bucket, sql, key, Json_Type=kind, **params)
    return [json.loads(line) for line in text.splitlines()]


def ask(bucket: oss2.Bucket, sql: str, output: str = "", *, key: str = "a.csv", kind: str = "csv") -> httpx.Response:
    expression = base64.b64encode(sql.encode()).decode()
    source = "<CSV/>" if kind == "csv" else "<JSON><Type>LINES</Type></JSON>"
    body = (
        f"<SelectRequest><Expression>{expression}</Expression><InputSerialization>{source}</InputSerialization>"
        f"<OutputSerialization>{output}</OutputSerialization></SelectRequest>"
    )
    url = bucket.sign_url("POST", key, 60, params={"x-oss-process": f"{kind}/select"}, slash_safe=True)
    return httpx.post(url, content=body, trust_env=False)
