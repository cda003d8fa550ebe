#!/usr/bin/python3
# schema.py - checks JSON documents, one a line, against the project's schemas.
#
#	schema.py FOLDER FILE...	FOLDER holds imgmend.NAME-1.schema.json; each document says by its key "schema" which one
#
# Keys that a schema does not know are a fault here, though the schemas allow them: readers must not break when one comes to it.
import json
import sys

import jsonschema


def closed(node):
    """The schema without room for unknown keys."""
    if isinstance(node, list):
        return [closed(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = {key: closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        node["additionalProperties"] = False
    return node


def validator(folder, name, known={}):
    if name not in known:
        with open("%s/%s.schema.json" % (folder, name.replace("/", "-"))) as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        known[name] = jsonschema.Draft202012Validator(closed(schema))
    return known[name]


def main(folder, files):
    faults = documents = 0
    for path in files:
        with open(path) as file:
            for line in filter(str.strip, file):
                document = json.loads(line)
                documents += 1
                for error in validator(folder, document["schema"]).iter_errors(document):
                    faults += 1
                    print("%s: %s: %s" % (document["schema"], "/".join(map(str, error.path)), error.message[:300]))
    if not documents:
        sys.exit("no documents")
    sys.exit(faults > 0)


main(sys.argv[1], sys.argv[2:])
