from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.parameters import decode_pairs, flatten, request_parameters, unflatten

FORM = ("content-type", "Application/x-www-form-urlencoded; charset=UTF-8")


def test_plus_and_percent_twenty_are_spaces() -> None:
    assert decode_pairs("a=b+c%20d&e=%2B&%E4%B8%AD=%7e&f&&g=") == [
        ("a", "b c d"),
        ("e", "+"),
        ("中", "~"),
        ("f", ""),
        ("g", ""),
    ]


@pytest.mark.parametrize("raw", ["a=%", "a=%4", "a=%zz", "a=%+1", "%", "a=%ff", "a=%E4%B8", "a=\ud800"])
def test_malformed_encoding_is_an_api_error(raw: str) -> None:
    with pytest.raises(ApiError) as raised:
        decode_pairs(raw)
    assert (raised.value.code, raised.value.status) == ("InvalidParameter", 400)


def test_number_of_parameters_is_bounded() -> None:
    assert len(decode_pairs("&".join(["a=1"] * limits.MAX_PARAMETERS))) == limits.MAX_PARAMETERS
    for raw in ("&".join(["a=1"] * (limits.MAX_PARAMETERS + 1)), "&" * 100_000):
        with pytest.raises(ApiError):
            decode_pairs(raw)
    half = "&".join(["a=1"] * (limits.MAX_PARAMETERS // 2 + 1))
    with pytest.raises(ApiError):
        request_parameters(HttpRequest(method="POST", target=f"/?{half}", headers=[FORM], body=half.encode()))


def test_query_and_form_are_merged_and_the_first_value_counts() -> None:
    request = HttpRequest(method="POST", target="/?a=1&a=2", headers=[FORM], body=b"a=3&b=4&b=5")
    assert request_parameters(request) == {"a": "1", "b": "4"}


def test_other_bodies_are_not_parameters() -> None:
    request = HttpRequest(method="POST", target="/?a=1", headers=[("content-type", "application/json")], body=b"b=2")
    assert request_parameters(request) == {"a": "1"}
    with pytest.raises(ApiError):
        request_parameters(HttpRequest(method="POST", target="/", headers=[FORM], body=b"\xff=1"))


def test_worked_example() -> None:
    pairs = decode_pairs(
        "Flag=True&InstanceId.1=i-1&InstanceId.2=i-2&N=3&SystemDisk.Size=40&Tag.1.Key=env&Tag.1.Value=a+b"
        "&&LaunchTemplate.Overrides.1.InstanceType=ecs.g6"
    )
    assert unflatten(dict(pairs)) == {
        "Flag": "True",
        "InstanceId": ["i-1", "i-2"],
        "N": "3",
        "SystemDisk": {"Size": "40"},
        "Tag": [{"Key": "env", "Value": "a b"}],
        "LaunchTemplate": {"Overrides": [{"InstanceType": "ecs.g6"}]},
    }


def test_gaps_and_disorder() -> None:
    params = {"Tag.999999999.Key": "c", "Tag.10.Key": "b", "Tag.2.Key": "a"}
    tracemalloc.start()
    nested = unflatten(params)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert nested == {"Tag": [{"Key": "a"}, {"Key": "b"}, {"Key": "c"}]}
    assert peak_bytes < 100_000


@pytest.mark.parametrize(
    ("name", "nested"),
    [
        ("Opt.#3#abc", {"abc": "v"}),
        ("Opt.#5#a.b.c", {"a.b.c": "v"}),
        ("Opt.#1#1", {"1": "v"}),
        ("Opt.#0#", {"": "v"}),
        ("Opt.#3#a.b.Sub", {"a.b": {"Sub": "v"}}),
        ("Opt.#1#中", {"中": "v"}),
        ("Opt.#3#中", {"中": "v"}),
        ("Opt.#3#中.Sub", {"中": {"Sub": "v"}}),
        # Not well formed: an ordinary name.
        ("Opt.#9#abc", {"#9#abc": "v"}),
        ("Opt.#x#abc", {"#x#abc": "v"}),
        ("Opt.#", {"#": "v"}),
        ("Opt.#-1#a", {"#-1#a": "v"}),
        ("Opt.99999999999", {"99999999999": "v"}),
        ("Opt.²", {"²": "v"}),
        ("Opt.", {"": "v"}),
    ],
)
def test_map_keys_and_odd_names(name: str, nested: dict[str, object]) -> None:
    assert unflatten({name: "v"}) == {"Opt": nested}


@pytest.mark.parametrize(
    "names",
    [
        ("a", "a.b"),
        ("a.b", "a"),
        ("a.b.c", "a.b"),
        ("a.b", "a.b.c"),
        ("a.1", "a.b"),
        ("a.1", "a.01"),
        ("a.1.b", "a.1"),
        (".".join("a" * (limits.MAX_NESTING + 1)),),
        (".".join("a" * 10_000),),
        ("." * 60_000,),
    ],
)
def test_contradictions_and_depth_are_api_errors(names: tuple[str, ...]) -> None:
    with pytest.raises(ApiError) as raised:
        unflatten(dict.fromkeys(names, "v"))
    assert raised.value.status == 400
    assert len(raised.value.message) < 200


def test_deepest_allowed_nesting() -> None:
    nested = unflatten({".".join("a" * limits.MAX_NESTING): "v"})
    for _ in range(limits.MAX_NESTING - 1):
        nested = nested["a"]  # type: ignore[assignment]
    assert nested == {"a": "v"}


SEGMENTS = st.lists(
    st.sampled_from(["a", "b", "1", "2", "#1#a", "#2#a.", "#", "", "007", "中"]), min_size=1, max_size=9
)


@given(st.dictionaries(SEGMENTS.map(".".join), st.text(max_size=3), max_size=8))
def test_unflatten_never_raises_anything_else(params: dict[str, str]) -> None:
    try:
        nested = unflatten(params)
    except ApiError:
        return
    assert leaves(nested) == len(params)


def leaves(node: object) -> int:
    if isinstance(node, dict):
        return sum(leaves(child) for child in node.values())
    return sum(leaves(child) for child in node) if isinstance(node, list) else 1


@given(st.text())
def test_decode_never_raises_anything_else(raw: str) -> None:
    with contextlib.suppress(ApiError):
        decode_pairs(raw)


_KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.sampled_from(["1", "#1#a", "a.b", "#", "."])
_PLAIN = st.recursive(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_KEYS, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(_PLAIN)
def test_what_is_flattened_comes_back(value: object) -> None:
    if _depth(value) > limits.MAX_NESTING:
        with pytest.raises(ApiError):
            list(flatten("Name", value))
    else:
        assert unflatten(dict(flatten("Name", value))) == {"Name": value}


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max([_depth(each) for each in inner], default=0)


def test_values_are_flattened_as_clients_write_them() -> None:
    value = {"Tag": [{"Key": "a"}, {"Key": None}], "On": True, "Off": False, "Size": 10, "Share": 0.5, "Nothing": []}
    assert list(flatten("R", value)) == [
        ("R.Tag.1.Key", "a"),
        ("R.On", "true"),
        ("R.Off", "false"),
        ("R.Size", "10"),
        ("R.Share", "0.5"),
    ]
