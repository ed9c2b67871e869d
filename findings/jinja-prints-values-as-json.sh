#!/bin/sh
# @huggingface/jinja 0.5.11 beside Jinja2 3.1.6 (Python): how `{{ value }}` prints what is no string.
#
# Behaviour: booleans, lists and mappings come out as JSON where Jinja2 writes Python's text, and the remainder of a negative number has
# JavaScript's sign. None of it is an error. `~` with `none`, and a number with an exponent, are errors where Jinja2 goes on.
#
# Seen:
#   true              Jinja2 True            @huggingface/jinja true
#   ['a', none]       Jinja2 ['a', None]     @huggingface/jinja ["a", null]
#   { 'a': 1.5 }      Jinja2 {'a': 1.5}      @huggingface/jinja {"a": 1.5}
#   -7 % 3            Jinja2 2               @huggingface/jinja -1
#   'x' ~ none        Jinja2 xNone           @huggingface/jinja raises "Cannot perform operation on null values"
#   1e3               Jinja2 1000.0          @huggingface/jinja raises a parser error
#
# What it means for us: a template that prints a tool's definition, a list of types or a flag without `tojson` renders to other tokens than
# in transformers and llama.cpp. The texts must be compared per template; that a template renders says nothing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' > package.json
npm install --ignore-scripts --no-audit --no-fund --silent @huggingface/jinja@0.5.11
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jinja2==3.1.6
cat > cases.json <<'JSON'
[
  ["true", "True", "true"],
  ["['a', none]", "['a', None]", "[\"a\", null]"],
  ["{ 'a': 1.5 }", "{'a': 1.5}", "{\"a\": 1.5}"],
  ["-7 % 3", "2", "-1"],
  ["'x' ~ none", "xNone", null],
  ["1e3", "1000.0", null]
]
JSON
cat > python.py <<'PY'
import json
import jinja2
for expression, python, _ in json.load(open("cases.json")):
    seen = jinja2.Environment().from_string("{{ " + expression + " }}").render()
    print(expression, "Jinja2", seen)
    assert seen == python, expression
PY
cat > node.mjs <<'JS'
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { Template } from '@huggingface/jinja'
for (const [expression, , expected] of JSON.parse(readFileSync('cases.json', 'utf8'))) {
  let seen = null
  let raised = ''
  try {
    seen = new Template(`{{ ${expression} }}`).render()
  } catch (error) {
    raised = error.message
  }
  console.log(expression, '@huggingface/jinja', seen ?? `raises "${raised}"`)
  assert.equal(seen, expected, expression)
}
JS
venv/bin/python python.py
node node.mjs
