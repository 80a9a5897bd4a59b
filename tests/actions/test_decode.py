"""Wire parameters to typed inputs: every style, and what is refused how."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.actions.decode import AsCommas, AsJson, Decoder, Request
from kowloon.actions.tags import TagParam
from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.parameters import request_parameters


class Disk(msgspec.Struct, kw_only=True):
    Size: int
    Category: str = ""


class ExampleRequest(Request):
    Name: str
    Count: int = 1
    Ratio: float = 0.5
    Enabled: bool = False
    Maybe: bool | None = None
    Description: str = "none"
    Ids: AsJson[list[str]] | None = None
    Options: AsJson[dict[str, int]] | None = None
    Names: AsCommas[list[str]] = []
    Group: list[str] = []
    Tag: list[TagParam] = []
    Disks: list[Disk] = []


DECODER = Decoder(ExampleRequest)


def decode(**given: str) -> ExampleRequest:
    found = DECODER.decode({"Name": "n", **given})
    assert isinstance(found, ExampleRequest)
    return found


def refused(given: dict[str, str]) -> tuple[str, int, str]:
    with pytest.raises(ApiError) as problem:
        DECODER.decode(given)
    return problem.value.code, problem.value.status, problem.value.message


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"Count": "7"}, "Count", 7),
        ({"Count": "-7"}, "Count", -7),
        ({"Count": ""}, "Count", 1),
        ({"Ratio": "0.25"}, "Ratio", 0.25),
        ({"Enabled": "true"}, "Enabled", True),
        ({"Enabled": "True"}, "Enabled", True),
        ({"Enabled": "false"}, "Enabled", False),
        ({"Enabled": ""}, "Enabled", False),
        ({"Maybe": "false"}, "Maybe", False),
        ({"Maybe": ""}, "Maybe", None),
        ({"Description": ""}, "Description", ""),
        ({"Description": "7"}, "Description", "7"),
        ({"Ids": '["i-1","i-2"]'}, "Ids", ["i-1", "i-2"]),
        ({"Ids": "[]"}, "Ids", []),
        ({"Ids": ""}, "Ids", None),
        ({"Options": '{"a":1}'}, "Options", {"a": 1}),
        ({"Names": "a, b,,c "}, "Names", ["a", "b", "c"]),
        ({"Names": "one"}, "Names", ["one"]),
        ({"Group.1": "a", "Group.3": "c", "Group.2": "b"}, "Group", ["a", "b", "c"]),
        ({"Group.10": "j", "Group.9": "i"}, "Group", ["i", "j"]),
        ({"Group": "only"}, "Group", ["only"]),
        ({"Group": ""}, "Group", []),
        ({"Tag.1.Key": "k", "Tag.1.Value": "v"}, "Tag", [TagParam(Key="k", Value="v")]),
        ({"Disks.1.Size": "20", "Disks.2.Size": "30"}, "Disks", [Disk(Size=20), Disk(Size=30)]),
        ({"Unknown": "x", "Unknown2.1.A": "y"}, "Name", "n"),
    ],
)
def test_each_style_is_read(given: dict[str, str], field: str, value: object) -> None:
    assert getattr(decode(**given), field) == value


def test_what_is_missing_is_named_as_the_vendor_names_it() -> None:
    assert refused({}) == ("MissingName", 400, "Name is mandatory for this action.")
    assert refused({"Name": "n", "Disks.1.Category": "c"}) == (
        "MissingParameter",
        400,
        'The input parameter "Disks.1.Size" that is mandatory for processing this request is not supplied.',
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"Count": "many"}, "Count"),
        ({"Count": "1.5"}, "Count"),
        ({"Count": "9" * 400}, "Count"),
        ({"Count": str(2**63)}, "Count"),
        ({"Disks.1.Size": "1" * 30}, "Disks"),
        ({"Options": '{"a":99999999999999999999}'}, "Options"),
        ({"Ratio": "x"}, "Ratio"),
        ({"Enabled": "perhaps"}, "Enabled"),
        ({"Ids": "i-1"}, "Ids"),
        ({"Ids": '{"a":1}'}, "Ids"),
        ({"Ids": "[1]"}, "Ids.1"),
        ({"Ids": "[" * 100_000}, "Ids"),
        ({"Options": '{"a":"b"}'}, "Options.N"),
        ({"Count.1": "1"}, "Count"),
        ({"Name.1": "1", "Name.A": "2"}, "Name"),
        ({"Disks.1.Size": "big"}, "Disks.1.Size"),
        ({"Disks": "big"}, "Disks.1"),
        ({"Group.1": "a", "Group": "b"}, "Group"),
        ({"Group.1.1": "a"}, "Group.1"),
        ({"Tag.1": "k"}, "Tag.1"),
    ],
)
def test_what_cannot_be_read_is_named(given: dict[str, str], named: str) -> None:
    complete = given if "Name.1" in given else {"Name": "n", **given}
    assert refused(complete) == ("InvalidParameter", 400, f'The specified parameter "{named}" is not valid.')


NAMES = st.one_of(
    st.sampled_from([*ExampleRequest.__struct_fields__, "Tag.1.Key", "Tag.1", "Disks.1.Size", "Ids.1", "Options.#1#a"]),
    st.from_regex(r"(Name|Ids|Tag|Disks|Group)(\.(#?\d{0,3}#?|[A-Za-z]{0,3})){0,10}", fullmatch=True),
    st.text(max_size=12),
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "true", "1", "-0", "1e999", "NaN", "null", "[", "[]", "{}", '["\\ud800"]', '"', "[null]", ","]
    ),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5).map(str),
)


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=12))
def test_whatever_the_parameters_only_api_errors_come_out(given: dict[str, str]) -> None:
    check(given)


def check(given: dict[str, str]) -> None:
    """It is read, or refused in the vendor's words; anything else fails the test by itself."""
    refusal = None
    try:
        assert isinstance(DECODER.decode(given), ExampleRequest)
    except ApiError as problem:
        refusal = problem
    if refusal is not None:
        assert refusal.status == 400
        assert refusal.code.startswith(("Missing", "InvalidParameter"))
        assert refusal.message


@settings(max_examples=1000, deadline=None)
@given(st.text(alphabet='abNIT.=&%+#1234567890\x00\x7f\xff[]{}"', max_size=200))
def test_whatever_the_query_only_api_errors_come_out(query: str) -> None:
    request = HttpRequest(method="GET", target=f"/?{query}", headers=[])
    said, parameters = "", {}
    try:
        parameters = request_parameters(request)
    except ApiError as problem:
        said = problem.code
    assert said in ("", "InvalidParameter")
    check({"Name": "n", **parameters})
