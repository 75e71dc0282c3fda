"""Writes what request bodies may hold, from the engine's published API: extract.py MOBY_CHECKOUT VERSION…"""
import json, pathlib, sys, yaml

BODIES = ["/containers/create", "/containers/{id}/exec", "/exec/{id}/start", "/networks/create",
          "/networks/{id}/connect", "/networks/{id}/disconnect", "/volumes/create"]
KEPT = ("type", "format", "enum", "required", "x-nullable")

def strip(schema, reached):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        reached.add(name)
        return {"$ref": name}
    kept = {key: schema[key] for key in KEPT if key in schema}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            kept[key] = strip(schema[key], reached)
    if "allOf" in schema:
        kept["allOf"] = [strip(part, reached) for part in schema["allOf"]]
    if "properties" in schema:
        kept["properties"] = {name: strip(part, reached) for name, part in schema["properties"].items()}
    return kept

def extract(document):
    bodies, reached = {}, set()
    for path in BODIES:
        parameters = document["paths"][path]["post"]["parameters"]
        [body] = [parameter["schema"] for parameter in parameters if parameter["in"] == "body"]
        bodies[path] = strip(body, reached)
    definitions = {}
    while reached - definitions.keys():
        for name in sorted(reached - definitions.keys()):
            definitions[name] = strip(document["definitions"][name], reached)
    return {"bodies": bodies, "definitions": definitions}

for version in sys.argv[2:]:
    source = pathlib.Path(sys.argv[1]) / "api/docs" / f"v{version}.yaml"
    schema = extract(yaml.safe_load(source.read_text()))
    pathlib.Path(__file__).with_name(f"v{version}.json").write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")
