from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.core.errors import ApiError
from kowloon.wire.oss.xml import MOST_BODY_BYTES, document, element, elements, escape, parse

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<Delete><Quiet>&c;</Quiet></Delete>"""


def test_a_request() -> None:
    root = parse(
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<Delete xmlns='http://x/'>\n <Quiet>true</Quiet>"
        b"<Object><Key> a&amp;b\xe4\xb8\xad&#10;</Key></Object><!-- no --><Object><Key><![CDATA[<c>]]></Key></Object>"
        b"<Empty/><p:Other xmlns:p='urn:y'>1</p:Other></Delete>"
    )
    assert root.name == "Delete"
    assert root.text("Quiet") == "true"
    assert [node.text("Key") for node in root.children("Object")] == [" a&b中\n", "<c>"]
    assert (root.text("Empty", "x"), root.text("Missing", "x"), root.text("quiet")) == ("", "x", "")
    assert root.text("Other") == "1"
    first = root.child("Object")
    assert first is not None
    assert [node.value for node in first] == [" a&b中\n"]
    assert root.child("object") is None


def test_space_before_the_declaration_and_other_encodings() -> None:
    assert parse(b"\n <?xml version='1.0'?><A>1</A>").value == "1"
    assert parse("<?xml version='1.0' encoding='utf-16'?><A>中</A>".encode("utf-16")).value == "中"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"text",
        b"<A>",
        b"<A></B>",
        b"<A/><B/>",
        b"<A>\xff</A>",
        b"<A>&nbsp;</A>",
        b"<A>\x00</A>",
        b"<?xml version='1.0' encoding='klingon'?><A/>",
        b"<?xml version='1.0' encoding='gb18030'?><A/>",
        b"<p:A/>",
        BOMB,
        b"<!DOCTYPE A><A/>",
        b"<!DOCTYPE A [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><A>&x;</A>",
        b"<!DOCTYPE A SYSTEM 'http://127.0.0.1:1/x.dtd'><A/>",
        b"<A>" * 33 + b"</A>" * 33,
        b"<A>" * 200_000,
        b"<A>" + b" " * MOST_BODY_BYTES + b"</A>",
    ],
    ids=range(19),
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        parse(body)
    assert (refused.value.code, refused.value.status) == ("MalformedXML", 400)
    assert refused.value.message.startswith("The XML you provided was not well-formed")


def test_an_answer() -> None:
    content = element("Name", "a<b>&c") + f"<Owner>{element('ID', '1')}</Owner>"
    assert document("R", content) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<R><Name>a&lt;b&gt;&amp;c</Name><Owner><ID>1</ID></Owner></R>'
    )


def test_an_answer_from_plain_data() -> None:
    content = elements({"A": "<", "B": True, "C": 1, "D": None, "E": ["x", {"F": False}], "G": {"H": ""}, "I": []})
    assert content == "<A>&lt;</A><B>true</B><C>1</C><E>x</E><E><F>false</F></E><G><H></H></G>"


def test_characters_that_xml_cannot_carry() -> None:
    assert escape("a\x00b\x1f\ud800\ufffe") == "a\ufffdb\ufffd\ufffd\ufffd"
    assert escape("a\r\n\t\x7f\x85") == "a&#13;\n\t\x7f\x85"


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_text_comes_back(text: str) -> None:
    body = document("R", element("K", text))
    carried = "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
    assert parse(body).text("K") == carried
    assert (ElementTree.fromstring(body).findtext("K") or "") == carried
