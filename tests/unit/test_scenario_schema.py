"""The JSON schema that is shipped is the one that the models give."""

from __future__ import annotations

import json

from engine.scenario.laws import LAWS
from engine.scenario.paths import SECTIONS
from engine.scenario.schema import SHIPPED, scenario_schema, schema_text


def test_the_shipped_schema_is_the_generated_one():
    assert SHIPPED.read_text(encoding="utf-8") == schema_text(), "python -m engine.scenario.schema writes it anew"


def test_every_section_and_every_kind_is_in_it():
    schema = scenario_schema()
    assert set(SECTIONS) < set(schema["properties"])
    populations = schema["properties"]["populations"]["additionalProperties"]
    assert len(populations["oneOf"]) == len(populations["discriminator"]["mapping"]) == 18
    assert schema["additionalProperties"] is False


def test_a_row_is_a_table_or_a_list():
    rows = scenario_schema()["$defs"]["Orders"]["properties"]["rows"]
    (as_list,) = [each for each in rows["oneOf"] if each["type"] == "array"]
    table, row = as_list["items"]["anyOf"]
    assert table == {"$ref": "#/$defs/OrderRow"}
    assert (row["type"], row["minItems"], row["maxItems"]) == ("array", 5, 7)


def test_every_reference_leads_somewhere():
    schema = scenario_schema()

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            for each in node.values():
                yield from references(each)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    found = set(references(schema))
    assert "#/$defs/Law" in found
    assert {name.removeprefix("#/$defs/") for name in found} <= set(schema["$defs"])
    assert len(schema["$defs"]["Law"]["anyOf"]) == len(LAWS) + 1


def test_it_is_json_without_leftovers_of_the_generator():
    assert "x-firesale" not in json.dumps(scenario_schema())
    assert json.loads(SHIPPED.read_text(encoding="utf-8"))["title"] == "Firesale scenario"
