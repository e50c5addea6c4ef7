"""The JSON schema of a scenario file, generated from the models; `schema.json` beside this file is the shipped copy.

Write it anew with ``python -m engine.scenario.schema``; a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.scenario.laws import LAW_MARK, LAWS
from engine.scenario.scenario import Scenario

__all__ = ["SHIPPED", "scenario_schema", "schema_text"]

SHIPPED = Path(__file__).with_name("schema.json")


def scenario_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a scenario file.

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(scenario_schema()["required"])
    ['duration', 'name', 'seed', 'start']
    """
    schema = Scenario.model_json_schema()
    definitions = schema["$defs"]
    for name, law in LAWS.items():
        definitions[law.__name__] = {**law.model_json_schema(), "required": ["law", *_required(law)]}
        definitions[law.__name__]["properties"]["law"] = {"const": name}
    definitions["Law"] = {
        "description": "a distribution, as a table or as a call such as lognormal(5ms, 0.5)",
        "anyOf": [
            {"type": "string", "pattern": rf"^\s*({'|'.join(LAWS)})\s*\(.*\)\s*$"},
            *({"$ref": f"#/$defs/{law.__name__}"} for law in LAWS.values()),
        ],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_with_laws(schema),
        "title": "Firesale scenario",
    }


def _required(law: Any) -> list[str]:
    return [name for name, field in law.model_fields.items() if field.is_required() and name != "law"]


def _with_laws(node: Any) -> Any:
    """Put a reference to the law's definition wherever a field takes one."""
    if isinstance(node, dict):
        if node == {LAW_MARK: True}:
            return {"$ref": "#/$defs/Law"}
        return {name: _with_laws(each) for name, each in node.items()}
    return [_with_laws(each) for each in node] if isinstance(node, list) else node


def schema_text() -> str:
    """Return the schema as it is shipped."""
    return json.dumps(scenario_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SHIPPED.write_text(schema_text(), encoding="utf-8")
