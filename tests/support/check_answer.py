#!/usr/bin/python3
"""Compares an answer of the API with the OpenAPI document: check_answer.py DOCUMENT METHOD PATH STATUS < ANSWER

Exits with 1 and says where they differ.
"""
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

document_file, method, path, status = sys.argv[1:]
with open(document_file, encoding="utf-8") as stream:
    document = json.load(stream)
answer = json.load(sys.stdin)
responses = document["paths"][path][method.lower()]["responses"]
response = responses.get(status, responses["default"])
if "$ref" in response:
    response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
# The schema beside the components that it refers to.
schema = {"components": document["components"], **response["content"]["application/json"]["schema"]}
Draft202012Validator.check_schema(schema)
faults = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer))
for fault in faults:
    print(f"{method} {path}, {status}: {'/'.join(str(each) for each in fault.absolute_path)}: {fault.message[:300]}")
sys.exit(1 if faults else 0)
