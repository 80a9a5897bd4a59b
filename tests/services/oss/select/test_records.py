"""SelectObject on CSV and JSON: what is found, and how it is framed."""

from __future__ import annotations

import base64
import gzip
import os
import struct
import zlib
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.exceptions import SelectOperationFailed

from tests.services.oss.parts import Owner
from tests.services.oss.select.parts import CSV, PEOPLE, USE, ask, lines, select

# CSV ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select name from ossobject where age > 40", 'Eleanor Little\n"Rosie ""Ro"" Hughes"\n'),
        ("select _1, _3 from ossobject where company = 'Staples, Inc'", "Lora Francis,27\n"),
        ("SELECT Name, COMPANY FROM OSSOBJECT WHERE AGE = 24", '"Lawrence\nRoss",MetLife\n'),
        ("select company from ossobject s where s.name like 'Eleanor%'", "Conectiv\n"),
        ("select company from ossobject where company like '?eLife' or company like '*tiv'", "Conectiv\n"),
        ("select _3 from ossobject where _2 in ('Western', 'Conectiv') and not (_3 = 43)", "44\n"),
        ("select age from ossobject where age between 25 and 43", "27\n43\n"),
        ("select age from ossobject where cast(age as int) % 2 = 1 limit 1", "27\n"),
        ("select age from ossobject where (age + 1) * 2 >= 90", "44\n"),
        ("select age from ossobject where age in (24, 27)", "27\n24\n"),
        ("select age from ossobject where company || age = 'MetLife24'", "24\n"),
        ("select name from ossobject where age is null", "Short\n"),
        ("select age from ossobject where score is not null and score < 2", "27\n"),
        ("select age from ossobject where true limit 2", "27\n43\n"),
        ("select _9 from ossobject limit 1", "\n"),
        ("select count(*), max(cast(age as int)), min(cast(age as int)) from ossobject", "5,44,24\n"),
        ("select avg(cast(age as int)) from ossobject where age < 30", "25.5\n"),
        ("select avg(cast(age as double)) from ossobject where age = 24", "24\n"),
        ("select sum(cast(score as double)), count(score) from ossobject", "13.75,4\n"),
        # A limit comes before an aggregation.
        ("select sum(cast(age as int)) from ossobject limit 2", "70\n"),
        ("select cast(score as double) from ossobject where age = 24", "10\n"),
    ],
)
def test_rows(bucket: oss2.Bucket, sql: str, expected: str) -> None:
    assert select(bucket, sql, **USE) == expected


def test_everything_comes_as_it_was(bucket: oss2.Bucket) -> None:
    bucket.put_object("plain.csv", 'a,"b,c",d\n1,,3\n')
    assert select(bucket, "select * from ossobject", "plain.csv") == 'a,"b,c",d\n1,,3\n'
    assert select(bucket, "select * from ossobject", "plain.csv", CsvHeaderInfo="Ignore") == "1,,3\n"
    bucket.put_object("empty.csv", "")
    assert select(bucket, "select * from ossobject", "empty.csv") == ""
    assert select(bucket, "select count(*) from ossobject", "empty.csv") == "0\n"


def test_other_delimiters(bucket: oss2.Bucket) -> None:
    bucket.put_object("odd.csv", "a|'b|c'|1\r\nd|e|2")
    params = {"FieldDelimiter": "|", "RecordDelimiter": "\r\n", "QuoteCharacter": "'"}
    assert select(bucket, "select _2 from ossobject", "odd.csv", **params) == "b|c\ne\n"
    out = {"OutputFieldDelimiter": ";", "OutputRecordDelimiter": "!!"}
    assert select(bucket, "select _2, _3 from ossobject", "odd.csv", **params, **out) == "b|c;1!!e;2!!"
    # Across the borders of what is read at a time.
    row = b"x" * 99
    bucket.put_object("long.csv", b"\r\n".join([row] * 40_000))
    assert (
        select(bucket, "select count(*) from ossobject where _1 like 'x%'", "long.csv", RecordDelimiter="\r\n")
        == "40000\n"
    )


def test_columns_that_are_kept(bucket: oss2.Bucket) -> None:
    sql = "select company, age from ossobject where age = 43"
    assert select(bucket, sql, KeepAllColumns="true", **USE) == ",Conectiv,43,\n"
    assert select(bucket, sql, OutputHeader="true", **USE) == "company,age\nConectiv,43\n"
    everything = select(bucket, "select * from ossobject limit 1", OutputHeader="true", **USE)
    assert everything.splitlines()[0] == "name,company,age,score"


def test_ranges_of_lines_splits_and_bytes(bucket: oss2.Bucket) -> None:
    bucket.put_object("many.csv", "n,v\n" + "".join(f"{n},{'v' * 90}\n" for n in range(30_000)))
    sql = "select _1 from ossobject"
    assert select(bucket, sql, "many.csv", LineRange=(0, 3), CsvHeaderInfo="Use") == "0\n1\n2\n"
    assert select(bucket, sql, "many.csv", LineRange=(29_999, None)) == "29998\n29999\n"
    splits = [select(bucket, sql, "many.csv", SplitRange=(n, n), CsvHeaderInfo="Ignore") for n in range(3)]
    assert [int(n) for n in "".join(splits).split()] == list(range(30_000))
    found = bucket.create_select_object_meta("many.csv", {"OverwriteIfExists": "true"})
    assert (found.rows, found.splits, found.status) == (30_001, 3, 200)
    result = bucket.select_object(
        "many.csv", sql, select_params={"AllowQuotedRecordDelimiter": "false"}, byte_range=(4, 200)
    )
    assert result.read() == b"0\n1\n2\n"


def test_compressed_objects(bucket: oss2.Bucket) -> None:
    bucket.put_object("a.csv.gz", gzip.compress(CSV.encode()))
    assert select(bucket, "select age from ossobject limit 1", "a.csv.gz", CompressionType="GZIP", **USE) == "27\n"
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        select(bucket, "select age from ossobject", CompressionType="GZIP", **USE)
    assert caught.value.code == "DecompressFailure"
    bucket.put_object("cut.csv.gz", gzip.compress(os.urandom(2_000_000).hex().encode())[:1_500_000])
    with pytest.raises(SelectOperationFailed) as failed:
        select(bucket, "select count(*) from ossobject", "cut.csv.gz", CompressionType="GZIP", FieldDelimiter="\x01")
    assert failed.value.code in (b"DecompressFailure", b"InvalidCsvLine")


# Records that do not fit ----------------------------------------------------------------------------------------------


def test_records_that_do_not_fit(bucket: oss2.Bucket) -> None:
    bucket.put_object("odd.csv", "a,1\nb,none\nc\nd,4\ne,\n")
    sql = "select _1 from ossobject where _2 > 0"
    assert select(bucket, sql, "odd.csv", MaxSkippedRecordsAllowed=1) == "a\nd\n"
    with pytest.raises(SelectOperationFailed) as caught:
        select(bucket, sql, "odd.csv")
    assert (caught.value.status, caught.value.code) == (400, b"InvalidCsvLine")
    assert b"More than 0 records do not fit" in caught.value.message
    both = "select _1, _2 from ossobject"
    assert select(bucket, both, "odd.csv") == "a,1\nb,none\nc,\nd,4\ne,\n"
    partial = {"SkipPartialDataRecord": "true", "MaxSkippedRecordsAllowed": 1}
    assert select(bucket, both, "odd.csv", **partial) == "a,1\nb,none\nd,4\ne,\n"
    total = "select sum(cast(_2 as int)) from ossobject"
    assert select(bucket, total, "odd.csv", MaxSkippedRecordsAllowed=1) == "5\n"
    with pytest.raises(SelectOperationFailed):
        select(bucket, total, "odd.csv")


def test_what_came_before_the_damage_is_found(bucket: oss2.Bucket) -> None:
    bucket.put_object("damaged.csv", b"a,1\n\xff\xfe,2\n")
    result = bucket.select_object("damaged.csv", "select _1 from ossobject")
    pieces = iter(result)
    assert next(pieces) == b"a\n"
    with pytest.raises(SelectOperationFailed) as caught:
        next(pieces)
    assert (caught.value.status, caught.value.code) == (400, b"InvalidTextEncoding")
    bucket.put_object("long.csv", b"a\n" + b"x" * 3_000_000)
    with pytest.raises(SelectOperationFailed) as caught:
        select(bucket, "select _1 from ossobject", "long.csv")
    assert caught.value.code == b"InvalidCsvLine"


# JSON -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from ossobject where name = 'Bo'", [PEOPLE[1]]),
        ("select name from ossobject where age > 29", [{"name": "Ann"}, {"name": "Bo"}]),
        ("select s.home.city, s.tags[1] from ossobject s limit 1", [{"city": "Hong Kong", "_2": "b"}]),
        ("select s.home.city as place from ossobject s where s.home.city like 'M%'", [{"place": "Macau"}]),
        ("select name, home from ossobject where home.city is null", [{"name": "Cy", "home": {}}]),
        ("select max(cast(age as double)), count(*) from ossobject", [{"_1": 41.5, "_2": 3}]),
        ("select name from ossobject where ok = true", [{"name": "Bo"}]),
        ("select tags from ossobject limit 1", [{"tags": ["a", "b"]}]),
        ('select "x y" from ossobject limit 1', [{"x y": 1}]),
        ("select Name from ossobject limit 1", [{}]),
        ("select cast(age as int) as years from ossobject limit 1", [{"years": 30}]),
    ],
)
def test_lines_of_json(bucket: oss2.Bucket, sql: str, expected: list[Any]) -> None:
    assert lines(bucket, sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select name from ossobject.people[*] where age < 35", [{"name": "Ann"}]),
        ("select s.city from ossobject.people[*].home s", [{"city": "Hong Kong"}, {"city": "Macau"}, {}]),
        ("select * from ossobject.people[1].home", [{"city": "Macau"}]),
        ("select * from ossobject.n s where s = 5", [{"_1": 5}]),
        ("select * from ossobject.people[*].tags[*]", [{"_1": "a"}, {"_1": "b"}]),
        ("select n from ossobject", [{"n": 5}]),
        ("select * from ossobject.nowhere[*].at[0].all", []),
    ],
)
def test_documents(bucket: oss2.Bucket, sql: str, expected: list[Any]) -> None:
    assert lines(bucket, sql, "document.json", "DOCUMENT") == expected


def test_numbers_as_they_are_written(bucket: oss2.Bucket) -> None:
    bucket.put_object("numbers.json", '{"a":12345678901234567890.10,"b":[1.50]}')
    assert select(bucket, "select * from ossobject", "numbers.json", Json_Type="DOCUMENT") == (
        '{"a":12345678901234567890.10,"b":[1.50]}\n'
    )
    as_text = {"Json_Type": "DOCUMENT", "ParseJsonNumberAsString": "true"}
    assert lines(bucket, "select a, b from ossobject", "numbers.json", "DOCUMENT", ParseJsonNumberAsString="true") == [
        {"a": "12345678901234567890.10", "b": ["1.50"]}
    ]
    assert select(bucket, "select a from ossobject where a = '12345678901234567890.10'", "numbers.json", **as_text)


def test_values_that_share_a_line(bucket: oss2.Bucket) -> None:
    bucket.put_object("several.json", '{"key":"abc"},{"key2":"def"}')
    params = {"Json_Type": "LINES", "SkipPartialDataRecord": "false", "MaxSkippedRecordsAllowed": 100}
    assert select(bucket, "select key from ossobject", "several.json", **params) == '{"key":"abc"}\n{}\n'
    assert select(
        bucket, "select key from ossobject", "several.json", **{**params, "SkipPartialDataRecord": "true"}
    ) == ('{"key":"abc"}\n')
    bucket.put_object("damaged.json", '{"a":1}\n{"a":\n')
    with pytest.raises(SelectOperationFailed) as caught:
        select(bucket, "select a from ossobject", "damaged.json", Json_Type="LINES")
    assert caught.value.code == b"InvalidJsonData"
    bucket.put_object("deep.json", "[" * 100_000)
    with pytest.raises(SelectOperationFailed):
        select(bucket, "select * from ossobject", "deep.json", Json_Type="DOCUMENT")


def test_metadata(bucket: oss2.Bucket, owner: Owner) -> None:
    found = bucket.create_select_object_meta("lines.json", {"Json_Type": "LINES"})
    assert (found.rows, found.splits) == (3, 1)
    client = owner.v2()
    source = oss_v2.InputSerialization(csv=oss_v2.CSVInput(quote_character=base64.b64encode(b'"').decode()))
    result = client.create_select_object_meta(
        oss_v2.CreateSelectObjectMetaRequest(
            bucket=bucket.bucket_name,
            key="a.csv",
            process="csv/meta",
            select_meta_request=oss_v2.CSVMetaRequest(input_serialization=source, overwrite_if_exists=True),
        )
    )
    assert (result.rows_count, result.splits_count, result.cols_count) == (7, 1, 4)
    assert result.total_scanned_bytes == len(CSV)


# Frames ---------------------------------------------------------------------------------------------------------------


def frames_of(body: bytes) -> list[tuple[int, bytes, int]]:
    found, at = [], 0
    while at < len(body):
        kind, size_bytes, head = struct.unpack_from(">III", body, at)
        assert (kind >> 24, head) == (1, 0)
        payload = body[at + 12 : at + 12 + size_bytes]
        (checksum,) = struct.unpack_from(">I", body, at + 12 + size_bytes)
        found.append((kind & 0xFFFFFF, payload, checksum))
        at += 16 + size_bytes
    return found


def test_frames(bucket: oss2.Bucket) -> None:
    for checksums in (False, True):
        response = ask(bucket, "select _3 from ossobject limit 1", f"<EnablePayloadCrc>{checksums}</EnablePayloadCrc>")
        assert (response.status_code, response.headers["x-oss-select-output-raw"]) == (206, "false")
        data, end = frames_of(response.content)
        assert (data[0], data[1][8:]) == (8388609, b"age\n")
        assert (end[0], end[1]) == (8388613, struct.pack(">QQI", len(CSV), len(CSV), 206))
        for _, payload, checksum in (data, end):
            assert checksum == (zlib.crc32(payload) if checksums else 0)


def test_without_frames(bucket: oss2.Bucket) -> None:
    response = ask(bucket, "select _3 from ossobject limit 1", "<OutputRawData>true</OutputRawData>")
    assert (response.status_code, response.content) == (206, b"age\n")
    assert response.headers["x-oss-select-output-raw"] == "true"
    assert select(bucket, "select age from ossobject limit 1", OutputRawData="true", **USE) == "27\n"
    # What goes wrong later breaks the answer off.
    bucket.put_object("damaged.csv", b"a\n" * 10 + b"\xff\n")
    with pytest.raises(httpx.RemoteProtocolError):
        ask(bucket, "select * from ossobject", "<OutputRawData>true</OutputRawData>", key="damaged.csv")


def test_checksums_through_clients(bucket: oss2.Bucket, owner: Owner) -> None:
    assert select(bucket, "select age from ossobject limit 1", EnablePayloadCrc="true", **USE) == "27\n"
    result = owner.v2().select_object(
        oss_v2.SelectObjectRequest(
            bucket=bucket.bucket_name,
            key="a.csv",
            process="csv/select",
            select_request=oss_v2.SelectRequest(
                expression=base64.b64encode(b"select name from ossobject where age = 43").decode(),
                input_serialization=oss_v2.InputSerialization(csv=oss_v2.CSVInput(file_header_info="Use")),
                output_serialization=oss_v2.OutputSerialization(enable_payload_crc=True),
            ),
        )
    )
    assert (result.status_code, result.body.read()) == (206, b"Eleanor Little\n")


def test_long_answers_come_in_pieces(bucket: oss2.Bucket) -> None:
    row = "y" * 999 + "\n"
    bucket.put_object("large.csv", row * 5000)
    response = ask(bucket, "select * from ossobject", key="large.csv")
    kinds = [kind for kind, _, _ in frames_of(response.content)]
    assert kinds == [8388609] * (len(kinds) - 1) + [8388613]
    assert len(kinds) > 10
    assert select(bucket, "select * from ossobject", "large.csv") == row * 5000
