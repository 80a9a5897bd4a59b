"""Fields of forms: which types there are, and what may be written into each. Pure but for who and what there is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from kowloon.dingtalk.approvals import errors
from kowloon.dingtalk.approvals.resources import Value
from kowloon.dingtalk.platform.decode import read_json

MOST_FIELDS: Final = 150
_MOST_VALUE_CHARACTERS: Final = 65_535
_MOST_LABEL_CHARACTERS: Final = 50
_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{1,10})?")
_PHONE: Final = re.compile(r"[+0-9() -]{3,32}")

Check = Callable[[str, "Reading"], bool]


class Reading(msgspec.Struct, frozen=True):
    """`options`: of the field. `members` and `departments`: whether there is one of that id."""

    options: frozenset[str]
    members: Callable[[str], bool]
    departments: Callable[[int], bool]


def _text(value: str, known: Reading) -> bool:
    return True


def _number(value: str, known: Reading) -> bool:
    return _NUMBER.fullmatch(value) is not None


def _date(value: str, known: Reading) -> bool:
    try:
        datetime.datetime.strptime(value[:10], "%Y-%m-%d")
        if value[10:]:
            datetime.datetime.strptime(value[10:].strip(), "%H:%M")
    except ValueError:
        return False
    return True


def _dates(value: str, known: Reading) -> bool:
    found = _list(value)
    return found is not None and len(found) >= 2 and all(_date(str(each), known) for each in found[:2])


def _choice(value: str, known: Reading) -> bool:
    return not known.options or value in known.options


def _choices(value: str, known: Reading) -> bool:
    found = _list(value)
    return found is not None and all(isinstance(each, str) and _choice(each, known) for each in found)


def _people(value: str, known: Reading) -> bool:
    found = _list(value)
    return found is not None and all(isinstance(each, str) and known.members(each) for each in found)


def _departments(value: str, known: Reading) -> bool:
    ids = [each.strip() for each in value.split(",")]
    return all(each.isdecimal() and len(each) < 19 and known.departments(int(each)) for each in ids)


def _array(value: str, known: Reading) -> bool:
    return _list(value) is not None


def _phone(value: str, known: Reading) -> bool:
    return _PHONE.fullmatch(value) is not None


#: What the vendor documents as types that a form may have.
TYPES: Final[Mapping[str, Check]] = {
    "TextField": _text,
    "TextareaField": _text,
    "TextNote": _text,
    "NumberField": _number,
    "MoneyField": _number,
    "StarRatingField": _number,
    "DDSelectField": _choice,
    "DDMultiSelectField": _choices,
    "DDDateField": _date,
    "DDDateRangeField": _dates,
    "DDPhotoField": _array,
    "DDAttachment": _array,
    "InnerContactField": _people,
    "DepartmentField": _departments,
    "RelateField": _array,
    "TableField": _array,
    "PhoneField": _phone,
    "AddressField": _text,
    "IdCardField": _text,
    "CalculateField": _text,
    "TimeAndLocationField": _array,
    "SignatureField": _text,
    "DDHolidayField": _array,
    "SeqNumberField": _text,
    "FormRelateField": _array,
    "ExternalContactField": _text,
    "ColumnLayout": _text,
}
_NOT_FILLED: Final = frozenset({"TextNote", "ColumnLayout"})


def components(given: Sequence[Mapping[str, Any]], token: Callable[[], str]) -> tuple[dict[str, Any], ...]:
    """As they are kept: types known, labels there, ids made where there are none. PlatformError."""
    if not given:
        raise errors.WRONG_FORM.error(problem="formComponents")
    if len(given) > MOST_FIELDS:
        raise errors.TOO_MANY.error(name="formComponents", most=MOST_FIELDS)
    made = tuple([_component(each, token, nested=False) for each in given])
    labels = [_label(each) for each in made if each["componentType"] not in _NOT_FILLED]
    twice = next((each for each in labels if labels.count(each) > 1), None)
    if twice is not None:
        raise errors.WRONG_FORM.error(problem=f"label {twice}")
    return made


def _component(given: Mapping[str, Any], token: Callable[[], str], *, nested: bool) -> dict[str, Any]:
    kind, props = given.get("componentType"), given.get("props")
    if not isinstance(kind, str) or kind not in TYPES or (nested and kind == "TableField"):
        raise errors.WRONG_FORM.error(problem=f"componentType {kind}")
    if not isinstance(props, dict) or not isinstance(props.get("label"), str):
        raise errors.WRONG_FORM.error(problem="props.label")
    if not 0 < len(props["label"]) <= _MOST_LABEL_CHARACTERS and kind not in _NOT_FILLED:
        raise errors.WRONG_FORM.error(problem="props.label")
    id = props.get("componentId") or f"{kind}-{token()}"
    if not isinstance(id, str) or not isinstance(props.get("bizAlias", ""), str):
        raise errors.WRONG_FORM.error(problem="props.componentId")
    props = {**props, "componentId": id}
    made: dict[str, Any] = {"componentType": kind, "props": props}
    children = given.get("children")
    if children:
        if nested or kind not in ("TableField", "ColumnLayout") or not isinstance(children, list):
            raise errors.WRONG_FORM.error(problem="children")
        if len(children) > MOST_FIELDS:
            raise errors.TOO_MANY.error(name="children", most=MOST_FIELDS)
        made["children"] = [_component(_dict(each), token, nested=True) for each in children]
    return made


def check(
    form: Sequence[Mapping[str, Any]],
    given: Sequence[Value],
    members: Callable[[str], bool],
    departments: Callable[[int], bool],
) -> tuple[Value, ...]:
    """What is written into the form, each with the type and id of its field. PlatformError names the fields that are
    wrong, unknown, or missing."""
    if len(given) > MOST_FIELDS:
        raise errors.TOO_MANY.error(name="formComponentValues", most=MOST_FIELDS)
    by_label = {_label(each): each for each in _filled(form)}
    wrong: list[str] = []
    kept: list[Value] = []
    for value in given:
        field = by_label.get(_plain_name(value.name))
        if field is None or len(value.value) > _MOST_VALUE_CHARACTERS:
            wrong.append(value.name)
            continue
        props = field["props"]
        known = Reading(frozenset(options(props)), members, departments)
        if value.value and not TYPES[field["componentType"]](value.value, known):
            wrong.append(value.name)
        kept.append(
            msgspec.structs.replace(
                value,
                id=props["componentId"],
                component_type=field["componentType"],
                biz_alias=props.get("bizAlias", ""),
            )
        )
    written = {_plain_name(each.name) for each in kept if each.value}
    wrong += [
        label for label, field in by_label.items() if field["props"].get("required") is True and label not in written
    ]
    if wrong:
        raise errors.WRONG_FORM_VALUES.error(names="、".join(dict.fromkeys(wrong)))
    return tuple(kept)


def options(props: Mapping[str, Any]) -> list[str]:
    """Of a field to choose in: `{key, value}`, or texts."""
    given = props.get("options")
    found = given if isinstance(given, list) else []
    return [str(each.get("value", "")) if isinstance(each, dict) else str(each) for each in found]


def _filled(form: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for component in form:
        if component["componentType"] == "ColumnLayout":
            yield from _filled(component.get("children", []))
        elif component["componentType"] not in _NOT_FILLED:
            yield component


def _label(component: Mapping[str, Any]) -> str:
    return _plain_name(str(component["props"]["label"]))


def _plain_name(name: str) -> str:
    """Fields of two parts have a name that is a list of both, as JSON; blanks in it do not matter."""
    found = _list(name)
    return msgspec.json.encode(found).decode() if found is not None else name


def _list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        found = read_json(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
