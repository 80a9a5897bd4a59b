"""SelectObject: what is refused, and what no statement can reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.oss.select.parts import USE, lines, select
from tests.services.parts import other_account

# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", "InvalidSqlParameter"),
        ("select " + "a" * 17_000 + " from ossobject", "InvalidSqlParameter"),
        ("select", "SqlSyntaxError"),
        ("select * from other", "SqlSyntaxError"),
        ("delete from ossobject", "SqlSyntaxError"),
        ("select * from ossobject; select * from ossobject", "SqlSyntaxError"),
        ("select * from ossobject group by name", "SqlSyntaxError"),
        ("select * from ossobject order by name", "SqlSyntaxError"),
        ("select distinct name from ossobject", "SqlSyntaxError"),
        ("select * from ossobject a join s3object b on a.name = b.name", "SqlSyntaxError"),
        ("select * from ossobject where avg(cast(age as int)) > 1", "SqlSyntaxError"),
        ("select name || company from ossobject", "SqlSyntaxError"),
        ("select _1 + _2 from ossobject", "SqlSyntaxError"),
        ("select " + "(" * 5000 + "name" + ")" * 5000 + " from ossobject", "SqlSyntaxError"),
        ("select nobody from ossobject", "SqlInvalidColumnName"),
        ("select _0 from ossobject", "SqlInvalidColumnIndex"),
        ("select _1001 from ossobject", "SqlInvalidColumnIndex"),
        ("select *, name from ossobject", "SqlInvalidMixOfStarAndColumn"),
        ("select name, count(*) from ossobject", "SqlInvalidMixOfAggregationAndColumn"),
        ("select max(name) from ossobject", "SqlAggregationOnNonNumericType"),
        ("select sum(cast(name as timestamp)) from ossobject", "SqlInvalidAggregationOnTimestamp"),
        ("select * from ossobject limit 0", "SqlInvalidLimitValue"),
        ("select * from ossobject where age in (1, 'a')", "SqlValueTypeOfInMustBeSame"),
        ("select * from ossobject where age in (" + ",".join(map(str, range(1025))) + ")", "SqlExceedsMaxInCount"),
        ("select * from ossobject where " + " or ".join(["age = 1"] * 21), "SqlExceedsMaxConditionCount"),
        ("select * from ossobject where name like '%a%b%c%d%e%'", "SqlExceedsMaxWildCardCount"),
        ("select * from ossobject where name like 'a' escape '%'", "SqlInvalidEscapeChar"),
        ("select * from ossobject where name like 'a' escape '!!'", "SqlOnlyOneEscapeCharIsAllowed"),
        ("select * from ossobject where name like 'a!' escape '!'", "SqlNoCharAfterEscapeChar"),
        ("select * from ossobject where 'a' like 'a'", "SqlInvalidLikeOperand"),
        ("select * from ossobject where 'a' > 3", "SqlComparerOperandTypeMismatch"),
        ("select * from ossobject where 'a' + 1 > 3", "InvalidArithmeticOperand"),
        ("select * from ossobject where 'a' || 'b' = 'ab'", "SqlInvalidConcatOperand"),
        ("select * from ossobject where 1 is null", "SqlInvalidIsNullOperand"),
        ("select cast(age as int), cast(age as double) from ossobject", "SqlOneColumnCastToDifferentTypes"),
        ("select a.b.c from ossobject", "NestedColumnNotSupportInCsv"),
        ("select * from ossobject.people[*]", "TableRootNodeOnlySupportInJson"),
    ],
)
def test_statements_that_are_refused(bucket: oss2.Bucket, sql: str, code: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        select(bucket, sql, **USE)
    assert (caught.value.status, caught.value.code) == (400, code), caught.value.message
    assert caught.value.message


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select s.a[*] from ossobject s", "WildCardNotAllowed"),
        ("select s.a[-1] from ossobject s", "NegativeRowIndex"),
        ("select " + ".".join("abcdefghijkl") + " from ossobject", "ExceedsMaxNestedColumnDepth"),
        ("select * from ossobject." + ".".join("abcdefghijk"), "JsonNodeExceedsMaxDepth"),
        ("select * from ossobject.a[b]", "SqlSyntaxError"),
    ],
)
def test_paths_that_are_refused(bucket: oss2.Bucket, sql: str, code: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        select(bucket, sql, "lines.json", Json_Type="LINES")
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"FieldDelimiter": ",,"}, "InvalidInputFieldDelimiter"),
        ({"RecordDelimiter": "abc"}, "InvalidInputRecordDelimiter"),
        ({"QuoteCharacter": "ab"}, "InvalidInputQuote"),
        ({"CommentCharacter": "##"}, "InvalidCommentCharacter"),
        ({"OutputFieldDelimiter": ",,"}, "InvalidOutputFieldDelimiter"),
        ({"OutputRecordDelimiter": "abc"}, "InvalidOutputRecordDelimiter"),
        ({"CompressionType": "BZIP2"}, "UnsupportedCompressionFormat"),
        ({"MaxSkippedRecordsAllowed": "some"}, "InvalidMaxSkippedRecordsAllowed"),
        ({"LineRange": (5, 1)}, "InvalidRange"),
        ({"OutputRawData": "true", "EnablePayloadCrc": "true"}, "InvalidOSSSelectParameters"),
        ({"CsvHeaderInfo": "Sometimes"}, "MalformedXML"),
        ({"OutputHeader": "perhaps"}, "MalformedXML"),
    ],
)
def test_parameters_that_are_refused(bucket: oss2.Bucket, params: dict[str, Any], code: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        select(bucket, "select * from ossobject", **params)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert caught.value.message


def test_documents_that_are_refused(owner: Owner, bucket: oss2.Bucket) -> None:
    request = oss_v2.SelectObjectRequest(
        bucket=bucket.bucket_name,
        key="a.csv",
        process="csv/select",
        select_request=oss_v2.SelectRequest(expression="%%%"),
    )
    refused_v2(lambda: owner.v2().select_object(request), 400, "InvalidSqlParameter", "not base64 encoded")
    url = bucket.sign_url("POST", "a.csv", 60, params={"x-oss-process": "csv/select"}, slash_safe=True)
    for body in (b"", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><SelectRequest/>'):
        response = httpx.post(url, content=body, trust_env=False)
        assert (response.status_code, b"MalformedXML" in response.content) == (400, True)


def test_who_may_not(owner: Owner, bucket: oss2.Bucket) -> None:
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    mine = theirs.bucket(bucket.bucket_name, create=False)
    refused(
        lambda: mine.select_object("a.csv", "select * from ossobject"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    refused(lambda: mine.create_select_object_meta("a.csv"), 403, "AccessDenied", "You have no right to access this")
    refused(
        lambda: bucket.select_object("none.csv", "select * from ossobject"),
        404,
        "NoSuchKey",
        "The specified key does not exist.",
    )


# What no statement can reach ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{file}')",
        "select * from '{file}'",
        "select * from ossobject, read_text('{file}')",
        "select * from ossobject union select * from read_text('{file}')",
        "with x as (select * from read_text('{file}')) select * from ossobject",
        "select (select content from read_text('{file}')) from ossobject",
        "select name from ossobject where name = (select content from read_text('{file}'))",
        "select name from ossobject where exists (select * from glob('/*'))",
        "select name from ossobject where read_blob('{file}') is null",
        "select name from ossobject where getenv('HOME') = 'x'",
        "select getenv('HOME') from ossobject",
        "select current_setting('home_directory') from ossobject",
        "select max(getenv('HOME')) from ossobject",
        "select cast(getenv('HOME') as int) from ossobject",
        "copy (select 1) to '{out}'",
        "copy ossobject from '{file}'",
        "attach '{out}' as x",
        "install httpfs",
        "load httpfs",
        "pragma database_list",
        "set memory_limit = '100GB'",
        "create table x as select 1",
        "export database '{out}'",
        "call pragma_version()",
        "select * from ossobject into outfile '{out}'",
        "select * from duckdb_settings() ossobject",
        "select * from records",
        "select * from ossobject tablesample 10%",
        "select * from ossobject where name = 'a' -- \n; attach '{out}'",
        "select * from ossobject qualify row_number() over () = 1",
        "select name from ossobject where name = $$x$$ or getvariable('x') = 1",
        "select * exclude (name) from ossobject",
        "select columns('.*') from ossobject",
        "select name.upper() from ossobject",
        "select name from ossobject where name collate nocase = 'x'",
        "select name from ossobject where name similar to 'x'",
        "select unnest(range(1000000000)) from ossobject",
    ],
)
def test_nothing_else_is_reached(bucket: oss2.Bucket, sql: str, tmp_path: Path) -> None:
    file, out = tmp_path / "secret", tmp_path / "out"
    file.write_text("secret")
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        select(bucket, sql.format(file=file, out=out), **USE)
    assert caught.value.status == 400
    assert caught.value.code.startswith(("Sql", "InvalidSql", "Nested", "TableRoot")), caught.value.code
    assert not out.exists()


@pytest.mark.parametrize(
    "text", ["'; drop view records; --", "' or '1'='1", "\\' or 1=1 --", "''", "a''b'; attach 'x'"]
)
def test_texts_stay_texts(bucket: oss2.Bucket, text: str) -> None:
    quoted = text.replace("'", "''")
    bucket.put_object("odd.csv", f"{text},1\nother,2\n".encode())
    assert select(bucket, f"select _2 from ossobject where _1 = '{quoted}'", "odd.csv") == "1\n"
    bucket.put_object("odd.json", json.dumps({text: 1, "other": 2}))
    name = text.replace('"', '""')
    assert lines(bucket, f'select "{name}" from ossobject', "odd.json") == [{text: 1}]
    assert select(bucket, f"select _2 from ossobject where _1 like '{quoted}'", "odd.csv") == "1\n"


def test_the_database_is_locked(tmp_path: Path) -> None:
    """Even if a statement got through: it could read one file, and nothing else."""
    import duckdb

    from kowloon.services.oss.select.work import _locked

    records, secret = tmp_path / "records", tmp_path / "secret"
    records.write_text('["a"]\n')
    secret.write_text("secret")
    database = _locked(str(records))
    assert database.execute("SELECT record FROM records").fetchall() == [('["a"]',)]
    for sql in (
        f"SELECT * FROM read_text('{secret}')",
        f"COPY (SELECT 1) TO '{tmp_path}/out'",
        f"ATTACH '{tmp_path}/out'",
        "INSTALL httpfs",
        "SELECT * FROM read_text('http://127.0.0.1:1/')",
        "SELECT * FROM glob('/*')",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET allowed_paths = ['/']",
        "RESET lock_configuration",
    ):
        with pytest.raises(duckdb.Error):
            database.execute(sql).fetchall()
    assert not (tmp_path / "out").exists()


def test_a_zone_that_is_out(alone: Owner) -> None:
    bucket = alone.bucket()
    bucket.put_object("a.csv", b"1\n" * 200_000)
    cloud = alone.cloud.cloud

    def stop() -> None:
        found = cloud.store.get(Bucket, bucket.bucket_name)
        assert found is not None
        for zone in found.zones:
            cloud.storage.set_mode(zone, ZoneMode.STOPPED)

    alone.cloud.call(stop)
    refused(
        lambda: bucket.select_object("a.csv", "select * from ossobject"),
        503,
        "ServiceUnavailable",
        "The service is unavailable. Please try again later.",
    )
