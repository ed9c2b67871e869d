#!/bin/sh
# @huggingface/jinja 0.5.11 beside Jinja2 3.1.6 (Python): `strip`, `lstrip` and `rstrip` with an argument.
#
# Behaviour: the argument names the characters to take away. @huggingface/jinja takes no notice of it and removes all white space, without an
# error. Chat templates of reasoning models cut what follows a thought by `.lstrip('\n')`: an answer that begins with indented code then
# loses its first line's indentation.
#
# Seen:
#   lstrip('\n')  Jinja2 "    return 1\n"    @huggingface/jinja "return 1\n"
#   rstrip('\n')  Jinja2 "\n    return 1  "  @huggingface/jinja "\n    return 1"
#   strip('.')    Jinja2 " a "               @huggingface/jinja ". a ."
#
# What it means for us: a history that is rendered by such a template has other tokens than the model was trained on and than other engines
# give, and a stored conversation no longer begins with the tokens that are in the cache.
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
  ["lstrip('\\n')", "{{ x.lstrip('\\n') }}", "\n    return 1\n", "    return 1\n", "return 1\n"],
  ["rstrip('\\n')", "{{ x.rstrip('\\n') }}", "\n    return 1  \n", "\n    return 1  ", "\n    return 1"],
  ["strip('.')", "{{ x.strip('.') }}", ". a .", " a ", ". a ."]
]
JSON
cat > python.py <<'PY'
import json
import jinja2
for name, template, x, python, _ in json.load(open("cases.json")):
    seen = jinja2.Environment(keep_trailing_newline=True).from_string(template).render(x=x)
    print(name, "Jinja2", json.dumps(seen))
    assert seen == python, name
PY
cat > node.mjs <<'JS'
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { Template } from '@huggingface/jinja'
for (const [name, template, x, , expected] of JSON.parse(readFileSync('cases.json', 'utf8'))) {
  const seen = new Template(template).render({ x })
  console.log(name, '@huggingface/jinja', JSON.stringify(seen))
  assert.equal(seen, expected, name)
}
JS
venv/bin/python python.py
node node.mjs
