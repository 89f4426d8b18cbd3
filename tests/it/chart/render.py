"""Renders, lints and validates deploy/chart with Helm's own library: cases in, what came of each out, as JSON.

A case is {"values": [files], "set": {...}, "release": ..., "namespace": ...}.
"""

import glob
import json
import os
import sys

import helm_python
import kubernetes_validate
import yaml

CHART = "deploy/chart"


def merged(base, over):
    """As Helm merges values: null takes a key away."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged(base[key], value)
        else:
            base[key] = value
    return base


def render(chart, case):
    values = {}
    for path in case.get("values", []):
        with open(path) as file:
            merged(values, yaml.safe_load(file))
    merged(values, case.get("set", {}))
    release, namespace = case.get("release", "promlink"), case.get("namespace", "monitoring")
    report = helm_python.lint(CHART, values=values, strict=True)
    try:
        files = chart.render(values, name=release, namespace=namespace)
    except helm_python.HelmError as error:
        return {"error": str(error)}
    notes = files.pop(f"{chart.name}/templates/NOTES.txt")
    texts = {name.split("/templates/")[1]: text for name, text in files.items() if text.strip()}
    objects = [o for text in texts.values() for o in yaml.safe_load_all(text) if o]
    found = [m["error"] for m in report["messages"] if m["severity"] > 1] + report["errors"]
    return {"notes": notes, "texts": texts, "objects": objects, "lint": found}


def versions():
    folder = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema")
    minors = {os.path.basename(p).split(".")[1].split("-")[0] for p in glob.glob(f"{folder}/v1.*")}
    return [f"1.{minor}" for minor in sorted(map(int, minors)) if minor >= 25]


def mistakes(objects):
    """Of all kinds that Kubernetes itself knows, in all of its versions."""
    for version in versions():
        for thing in objects:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                if not thing["apiVersion"].startswith(("monitoring.coreos.com/", "grafana.integreatly.org/")):
                    yield f"{version}: no schema of {thing['apiVersion']} {thing['kind']}"
            except kubernetes_validate.ValidationError as error:
                yield f"{version} {thing['kind']} {thing['metadata']['name']}: {error}"[:500]


def main():
    helm_python.disable_logging()
    chart = helm_python.Chart.load(CHART)
    told = {name: render(chart, case) for name, case in json.load(sys.stdin).items()}
    each = {json.dumps(o, sort_keys=True): o for case in told.values() for o in case.get("objects", [])}
    told = {"cases": told, "values": chart.values, "schema": chart.schema}
    told["versions"] = versions()
    told["mistakes"] = list(mistakes(each.values()))
    json.dump(told, sys.stdout)


main()
