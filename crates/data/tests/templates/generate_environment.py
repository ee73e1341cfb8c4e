"""Runs small templates in transformers' own Jinja environment and writes environment.json.

usage: pip install transformers==5.23.0 jinja2==3.1.6 && python generate_environment.py
Each case is {template, text} or {template, error}: an idiom of the templates that models ship, or a place where
an engine written anew is likely to differ. All of them see the same variables. The clock stands at 2024-07-26, 12:00.
"""
import datetime
import json
import pathlib

import jinja2
import transformers
import transformers.utils.chat_template_utils as utils


class Noon(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 12)


utils.datetime = Noon
variables = {
    "messages": [
        {"role": "system", "content": " Be <b>brief</b>. "},
        {"role": "user", "content": "Héllo, wörld 🦀 & 'you'\n"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nSELECT 1"},
        {"role": "user", "content": ""},
    ],
    "tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
    "enable_thinking": False, "zero": 0, "half": 0.5, "big": 1e20, "names": ["b", "A", "c", "a"], "empty": [], "deep": {"a": {"b": [1, 2.0, None, True, "x'y"]}},
}
templates = r"""
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ 7.5 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7.5 % 2 }}
{{ 7 / 2 }} {{ 8 / 2 }} {{ 2 ** 3 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ -2 ** 2 }}
{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e20 }} {{ big }} {{ 1e-7 }} {{ 1e16 }} {{ 123456789.123 }}
{{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}
{{ 10 ** 30 }}
{{ 'a' * 3 }} {{ 3 * 'ab' }} {{ 'a' * 0 }}|{{ 'a' * -1 }}|{{ [1, 2] * 2 }}
{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 1.0 }} {{ [1] + [2] }} {{ (1,) + (2, 3) }}
{{ 'a' + 1 }}
{{ 1 + none }}
{{ none + 'a' }}
{{ missing + 'a' }}
{{ 'a' + missing }}
{{ 'a' ~ missing ~ 'b' }}
{{ missing }}{{ missing | length }}{{ missing | default('d') }}{{ '' | default('d', true) }}{{ none | default('d') }}
{{ missing.attribute }}
{{ messages[0].missing }}|{{ messages[0]['missing'] }}|{{ messages[9] }}|{{ messages[0].missing is defined }}
{{ messages[9].role }}
{{ missing['x'] }}
{% for x in missing %}x{% else %}none{% endfor %}
{% for x in none %}x{% endfor %}
{% if missing %}a{% else %}b{% endif %}{{ not missing }}{{ missing == missing }}{{ missing == none }}
{{ missing is none }} {{ none is none }} {{ none is defined }} {{ tools is none }} {{ tools is not none }} {{ missing is undefined }}
{{ true }} {{ True }} {{ none }} {{ None }} {{ false }} {{ False }}
{{ [true, none, 1, 1.5, 'a', "it's"] }} {{ {'a': 1, 'b': [none]} }} {{ (1, 'a') }} {{ (1,) }} {{ () }} {{ {} }} {{ [] }}
{{ messages[1] }}
{{ deep }}
{{ 'tab\tnl\n"q" \\ é' }} {{ ['tab\tnl\n"q" \\ é 🦀'] }} {{ ["both ' and \""] }}
{{ messages[1].content | tojson }} {{ deep | tojson }} {{ messages[0] | tojson(indent=2) }} {{ [1.0, 1e20, 0.1, -0.0] | tojson }}
{{ deep | tojson(indent=0) }}
{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ 'é' | tojson(ensure_ascii=True) }} {{ (1, 2) | tojson }} {{ {1: 2} | tojson }} {{ "</script>" | tojson }}
{{ [1,2] | tojson(separators=(',', ':')) }} {{ missing | tojson }}
{{ {true: 1, none: 2} | tojson }}
{{ "a\u0000b\u001f\u007f\u2028" | tojson }} {{ '/' | tojson }}
{{ messages | length }} {{ 'wörld' | length }} {{ '🦀' | length }} {{ deep | length }} {{ 'abc' | count }}
{{ messages[-1].content }}|{{ messages[-2]['role'] }}|{{ messages[1:] | length }}|{{ messages[:-1] | length }}|{{ messages[::-1][0].role }}|{{ messages[::2] | length }}
{{ 'héllo'[1:3] }} {{ 'héllo'[-1] }} {{ 'héllo'[::-1] }} {{ 'héllo'[0] }} {{ 'abc'[5:] }}| {{ 'abc'[-5:2] }} {{ 'abcdef'[4:1:-1] }}
{{ 'abc'[7] }}|
{{ [1,2,3][5] }}|{{ [1,2,3][-1] }}|{{ (1,2)[0] }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'abc'.split('x') }} {{ ' a  b '.split(' ') }}
{{ 'a</think>b</think>c'.split('</think>')[-1] }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'a,b,c'.rsplit(',') }}
{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('x') }}
{{ '  x '.strip() }}|{{ '  x '.lstrip() }}|{{ '  x '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\na\n'.lstrip('\n') }}|{{ 'a\n'.rstrip('\n') }}|{{ 'abcba'.strip('ab') }}
{{ 'a-b'.upper() }} {{ 'ÀB'.lower() }} {{ 'hello world'.title() }} {{ 'hELLO wORLD'.capitalize() }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('c', 'x')) }} {{ 'abc'.startswith(('x', 'a')) }}
{{ 'abcabc'.replace('b', 'X') }} {{ 'abcabc'.replace('b', 'X', 1) }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abcabc'.rfind('b') }} {{ 'héllo'.find('l') }} {{ 'abcabc'.count('b') }}
{{ 'abc'.index('c') }} {{ 'héllo'.index('l') }}
{{ ', '.join(['a', 'b']) }} {{ '-'.join(names) }} {{ ''.join([]) }}|
{{ ','.join([1, 2]) }}
{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}|
{{ 'a\nb\r\nc'.splitlines() }} {{ 'a\nb\n'.splitlines() }} {{ 'a\nb'.splitlines(true) }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'abc'.removeprefix('x') }}
{{ 'abc'.isalpha() }} {{ '12'.isdigit() }} {{ ' '.isspace() }} {{ 'a1'.isalnum() }} {{ 'A'.isupper() }} {{ 'a'.islower() }} {{ ''.isalpha() }}
{{ '{} and {}'.format('a', 1) }} {{ '{0} {1} {0}'.format('x', 'y') }} {{ '{a}'.format(a=1) }} {{ '{:.2f}'.format(1.234) }} {{ '{:>5}|'.format('a') }} {{ '{:03d}'.format(7) }}
{{ '%s and %d' % ('a', 3) }} {{ '%s' % 'x' }} {{ '%.2f' % 1.239 }} {{ '%5s|%-5s|' % ('a', 'b') }} {{ '%03d' % 7 }} {{ '%%' % () }} {{ '%r' % 'a' }}
{{ '%(a)s' % {'a': 1} }}
{{ '%s' % [1, 'a'] }} {{ '%s' % none }} {{ '%x' % 255 }}
{{ '%s %s' | format('a', 'b') }}
{{ deep.get('a') }} {{ deep.get('z') }} {{ deep.get('z', 'd') }} {{ deep.keys() | list }} {{ deep.values() | list | length }} {{ deep.a.b | length }} {{ deep['a']['b'][0] }}
{% for k, v in deep.a.items() %}{{ k }}={{ v }}{% endfor %} {% for k, v in {'x': 1, 'y': 2} | items %}{{ k }}{{ v }}{% endfor %} {% for k in deep %}{{ k }}{% endfor %}
{{ deep.keys() }} {{ deep.items() }} {{ deep.values() }}
{{ {'a': 1}.update({'b': 2}) }}
{{ [1].append(2) }}
{{ {'items': 3}['items'] }}
{{ {'b': 2, 'a': 1} | dictsort }} {{ {'b': 2, 'a': 1}.items() | list }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }}
{% set ns = namespace(x=1, y=none) %}{% set ns.x = ns.x + 1 %}{% set ns.z = 'new' %}{{ ns.x }} {{ ns.y }} {{ ns.z }} {{ ns.missing }}|{{ ns['x'] }}
{% set ns = namespace({'a': 1}) %}{{ ns.a }}
{% set ns = namespace() %}{% set ns._x = 1 %}{{ ns._x }}
{% set x = 1 %}{% for i in [1,2] %}{% set x = i + 10 %}{% endfor %}{{ x }} {% if true %}{% set x = 5 %}{% endif %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set t = 1, 2 %}{{ t }} {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% set x %}block {{ 1 + 1 }}{% endset %}{{ x }}|{% set y | upper %}abc{% endset %}{{ y }}
{% macro m(a, b=2, c='x') %}[{{ a }},{{ b }},{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m() }}{{ m(1, 2, 3) }} {{ m(1) | length }} {{ m.name }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ caller(a) }}!{% endmacro %}{% call(x) m('q') %}<{{ x }}>{% endcall %}
{% macro render(n) %}{{ n }}{% if n > 0 %}{{ render(n - 1) }}{% endif %}{% endmacro %}{{ render(3) }}
{% macro outer(x) -%}{{ bos_token }}{{ x }}{%- endmacro %}{%- for m in messages -%}{{ outer(m.role) }}{%- endfor -%}
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.depth0 }}|{% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}>{{ loop.nextitem.role if loop.nextitem else '-' }} {% endfor %}
{% for m in messages %}{{ loop.cycle('a', 'b') }}{{ loop.changed(m.role) }}{% endfor %}
{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.role }}{{ loop.length }}{% else %}no{% endfor %}
{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(3) | list }} {{ range(2, 4) | list }}
{% for i in [1,2,3,4] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for c in 'héy' %}{{ c }}.{% endfor %}
{% for i in [1, 2] recursive %}{{ i }}{{ loop([3]) if i == 2 }}{% endfor %}
{{ 'x' if false }}|{{ 'x' if true else 'y' }}|{{ ('a' if zero else 'b') + 'c' }}
{{ 1 if messages[0].role == 'system' and not tools else 2 }} {{ zero or 'a' }} {{ 'a' and 'b' }} {{ '' or none }} {{ [] or 'x' }} {{ not '' }}
{{ 'a' in 'abc' }} {{ 'role' in messages[0] }} {{ 'x' not in ['a'] }} {{ 1 in [1.0] }} {{ 'a' in {'a': 1} }} {{ none in [none] }}
{{ 'a' in missing }}
{{ 'a' in none }}
{{ 1 in 'abc' }}
{{ 1 == 1.0 }} {{ '1' == 1 }} {{ true == 1 }} {{ none == false }} {{ [1] == [1] }} {{ {'a': 1} == {'a': 1} }} {{ (1,) == [1] }} {{ 'a' < 'b' }} {{ 1 < 2 < 3 }} {{ 3 > 2 == true }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ true + 1 }} {{ true * 3 }} {{ -true }} {{ +1 }} {{ 5 - 2 - 1 }} {{ 2 * 3 % 4 }} {{ 10 / 4 * 2 }} {{ 1 + 2 ~ 3 + 4 }}
{{ messages[0].content is string }} {{ deep is mapping }} {{ messages is iterable }} {{ 'a' is iterable }} {{ messages is sequence }} {{ 'a' is sequence }} {{ deep is sequence }} {{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is boolean }}
{{ none is string }} {{ none is iterable }} {{ missing is iterable }} {{ missing is string }} {{ missing is mapping }} {{ (1,) is sequence }}
{{ true is true }} {{ 1 is true }} {{ enable_thinking is false }} {{ enable_thinking is defined and enable_thinking is false }} {{ zero is false }} {{ 'a' is sameas 'a' }} {{ none is sameas none }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 'a' is eq 'a' }} {{ 1 is lt 2 }} {{ 'a' is in ['a'] }} {{ 'a' is lower }} {{ 'A' is upper }} {{ 1 is ne 2 }} {{ 'trim' is filter }}
{{ not 1 is odd }} {{ 'a' is not string }}
{{ names | sort }} {{ names | sort(case_sensitive=true) }} {{ names | sort(reverse=true) }} {{ names | unique | list }} {{ names | reverse | list }} {{ names | first }} {{ names | last }} {{ names | join }} {{ names | join(', ') }} {{ 'abc' | reverse }}
{{ [3, 1, 2] | max }} {{ [3, 1] | min }} {{ [1, 2] | sum }} {{ names | min }} {{ empty | sum }} {{ empty | first }}|{{ empty | last }}|{{ empty | max }}
{{ messages | map(attribute='role') | list }} {{ messages | map(attribute='missing', default='d') | list }} {{ names | map('upper') | join }} {{ messages | map(attribute='content') | map('trim') | map('length') | list }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | selectattr('role', '==', 'user') | list | length }} {{ messages | selectattr('content') | list | length }} {{ messages | rejectattr('role', 'in', ['system', 'user']) | map(attribute='role') | list }} {{ messages | selectattr('missing', 'defined') | list }} {{ (messages | selectattr('role', 'ne', 'x') | first).role }}
{{ [1, 0, 2] | select | list }} {{ [1, 2, 3] | select('odd') | list }} {{ [1, 2] | reject('eq', 1) | list }} {{ messages | map(attribute='role') | select('equalto', 'user') | list | length }}
{% for role, group in messages | groupby('role') %}{{ role }}{{ group | length }} {% endfor %}
{{ messages | sum(attribute='missing') }}
{{ ' a '| trim }}|{{ 'xax' | trim('x') }}|{{ 'a b' | upper }} {{ 'A' | lower }} {{ "it's a-b c" | title }} {{ 'hELLO' | capitalize }} {{ 'a' | replace('a', 'b') }} {{ 'aaa' | replace('a', 'b', 2) }}
{{ '<b>' | escape }} {{ '<b>' | e }} {{ '<b>' | safe }} {{ '<b>' | string }} {{ 1 | string + 'a' }} {{ none | string }} {{ true | string }} {{ [1] | string }}
{{ 'a\nb' | indent }} {{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent(2) }} {{ 'a\n\nb' | indent(width=2, blank=true) }}
{{ '3' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '3.7' | int }} {{ 3.7 | int }} {{ '3.5' | float }} {{ 'x' | float }} {{ 3 | float }} {{ none | int }} {{ true | int }}
{{ 3.567 | round(2) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 3 | round }} {{ 3.2 | round(0, 'ceil') }} {{ 3.7 | round(method='floor') }} {{ -3 | abs }} {{ 2.675 | round(2) }}
{{ [1,2,3,4,5] | batch(2) | list }} {{ [1,2,3] | batch(2, 0) | list }} {{ [1,2,3] | slice(2) | list }} {{ 'abc' | list }} {{ deep | list }}
{{ 'foo bar baz' | wordwrap(5) }} {{ 'a' | center(5) }}| {{ 'http://x.y' | urlize }} {{ 'a b' | urlencode }} {{ 1024 | filesizeformat }} {{ '<b>x</b>' | striptags }}
{{ messages[0] | attr('role') }}|{{ 'abc' | pprint }} {{ deep | pprint }}
{{ 'x' | nofilter }}
{{ 'x' is notest }}
{% if false %}{{ 'x' | nofilter }}{% endif %}ok
{{ nofunction() }}
{{ 'x'.nomethod() }}
{{ messages.role }}
{{ raise_exception('stop ' ~ 1) }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now("%B %d, %Y") }} {{ strftime_now('%A %j %y %I %p') }}
{{ strftime_now is defined }} {{ strftime_now is undefined }} {{ raise_exception is defined }} {{ cycler is defined }} {{ joiner is defined }} {{ range is defined }} {{ debug is defined }}
{% set j = joiner(', ') %}{% for n in names %}{{ j() }}{{ n }}{% endfor %}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}
{% raw %}{{ x }} {% y %}{% endraw %} {# comment #}after
{%- raw -%}  a {{ }} {%- endraw %}
{{ '{{ x }}' }} {{ '{% if %}' }} {{ "{# c #}" }}
{% filter upper %}abc {{ 1 }}{% endfilter %} {% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}
{% generation %}abc {{ eos_token }}{% endgeneration %}x
{%- generation -%}  abc  {%- endgeneration -%} x
{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}
{% for m in messages %}{% generation %}{{ loop.index }}{{ m.role }}{% endgeneration %}{% endfor %}
{% set g = namespace(a=1) %}{% generation %}{% set g.a = 2 %}{% endgeneration %}{{ g.a }}
{% for i in [1,2] %}{% generation %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endgeneration %}{% endfor %}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{% block a %}in block{% endblock %}{{ self.a() }}
{% do messages.append(1) %}
{% autoescape true %}{{ '<b>' }}{% endautoescape %}
{% trans %}x{% endtrans %}
{% for x in [1, 2, 3] -%} {{ x }} {%- endfor %}
a {% if true %} b {% endif %} c
a {%- if true -%} b {%- endif -%} c
  {% if true %}⏎ x⏎  {% endif %}⏎y⏎
  {%+ if true %}⏎ x⏎  {%+ endif %}⏎y
  {% if true +%}⏎ x⏎  {% endif +%}⏎y
⏎⏎{{ 1 }}⏎⏎{# c #}⏎{{ 2 }}⏎
x  {# c #}⏎  {# d #}⏎y {#- e -#} z
{{- 1 -}} ⏎ {{- 2 }} ⏎
{%- for m in messages %}⏎    {%- if m.role == 'user' %}⏎{{ m.role }}⏎    {%- endif %}⏎{%- endfor %}⏎
	{% if true %}	tab{% endif %}
ends with newline⏎
ends with two⏎⏎
{% set content = messages[2].content %}{% if '</think>' in content %}{% set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{{ reasoning }}|{{ content.split('</think>')[-1].lstrip('\n') }}{% endif %}
{% set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{% for message in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{% if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{% set ns.multi_step_tool = false %}{% set ns.last_query_index = index %}{% endif %}{% endfor %}{{ ns.last_query_index }}
{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% elif false == true and not '<<SYS>>' in messages[0]['content'] %}{% set loop_messages = messages %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{{ loop.index0 }}{{ content }}{% endfor %}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{{ date_string }}
{%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "x" %}{%- endif %}{{ date_string }}
{%- set loop_messages = messages %}{%- for message in loop_messages %}{%- set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{%- if loop.index0 == 0 %}{%- set content = bos_token + content %}{%- endif %}{{ content }}{%- endfor %}
{{ bos_token + messages[0]['content'] | trim + '\n' if messages[0].role == 'system' else '' }}
{%- set user_messages = messages | selectattr("role", "equalto", "user") | list %}{%- for message in messages | rejectattr("role", "equalto", "tool") | rejectattr("role", "equalto", "tool_results") | selectattr("tool_calls", "undefined") %}{{ loop.index0 }}{{ message == user_messages[-1] }}{%- endfor %}
{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}
{% for m in messages %}{{'<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}
{%- if messages[0]["content"] is iterable and messages[0]["content"] is not string and messages[0]["content"] is not mapping %}list{% else %}text{% endif %}
{%- if tools is iterable and tools | length > 0 %}tools{% else %}none{% endif %}
{%- if tools %}tools{% elif documents %}documents{% elif builtin_tools is defined %}builtin{% else %}nothing{% endif %}
{%- set x = messages | last %}{{ x.role }}{{ (messages | first).role }}{{ messages[messages | length - 1].role }}{{ messages[loop_index | default(0)].role }}
{% for m in messages %}{% if not loop.first %}, {% endif %}{{ m.role }}{% endfor %}{{ '\n' }}{{ "\t" }}{{ '\\n' }}{{ 'a\x41\u00e9' }}{{ '\'' }}
{{ 'line one
line two' }}
{{ messages|map(attribute='content')|join('|')|replace('\n','⏎') }}
{{ messages[0]|items|list }} {{ messages[0].items()|list|length }} {{ messages[0]|length }} {{ messages[0]|first }}
{{ (messages[0].content or '').strip() }}{{ (missing or '') }}{{ messages[3].content or 'empty' }}
{{ 'a' 'b' }}
{{ [1, 2,] }} {{ {'a': 1,} }} {{ (1, 2,) }}
{{ {'a': 1}.a }} {{ {'a': 1}['a'] }} {{ {1: 'x'}[1] }} {{ {'a b': 1}['a b'] }}
{{ 'abc'|length > 2 }} {{ 'abc'|length == 3 and 'x' }} {{ -1|abs }} {{ (-1)|abs }} {{ not true or true }} {{ 1 != 2 }} {{ 2 >= 2 }}
{{ x.y.z is defined }}
{{ deep.x.y is defined }}
{{ deep.a.x is defined }} {{ deep['x'] is defined }} {{ deep.a.b[7] is defined }}
{{ loop is defined }} {{ messages.__class__ }}|{{ ''.__class__ }}
{{ caller is defined }} {{ varargs is defined }}
{{ range(10000000) | length }}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{% endfor %}
{{ 'Aa'|sort }} {{ 'ba'|sort|join }} {{ [2, 1.5, true]|sort }} {{ 'a'|default }} {{ ['x', 1]|join('-') }} {{ [none, missing]|join('-') }}
{{ 'ß'.upper() }} {{ 'İ'.lower() | length }} {{ '\u00a0x\u2003'.strip() }}| {{ '\u200bx'.strip() | length }} {{ '\x1cx'.strip() | length }} {{ '\x85x'.strip() | length }} {{ '\ufeffx' | trim | length }}
{{ 'a\x0bb\x0cc\x1cd\x85e\u2028f'.splitlines() | length }} {{ 'a\x1cb\x1fc'.split() | length }} {{ '٣'.isdigit() }} {{ '½'.isnumeric() }} {{ '½'.isdigit() }} {{ '²'.isdigit() }}
{{ 1.5e300 * 1e10 }} {{ 1e308 * 10 }} {{ 100000000000000000000 }} {{ 9223372036854775807 + 1 }} {{ 5 // 0.3 }}
{{ 1 // 0 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ half }} {{ half * 2 }} {{ half + half == 1 }} {{ 3 * 1.0 }} {{ 1 / 3 }} {{ 2 / 3 }} {{ 100.0 / 3 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }}
{{ 'aBc'.swapcase() }}
{{ 'A b  c '.rsplit() }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a,b'.rsplit(',', -1) }} {{ 'aXbXc'.split('X', -1) }}
{{ 'a'.rsplit('') }}
{{ 'a'.partition('') }}
{{ 'a'.index('b') }}
{{ 'é'.ljust(3, '.') }}{{ 'long'.rjust(2) }}{{ 'a'.ljust(-1) }}
{{ none | trim }}|{{ 1 | trim }}|{{ [' a '] | trim }}|{{ missing | trim }}
{{ ' a\x1f' | trim }}|{{ '\x1c' | trim }}|{{ '' | trim }}
{{ none is sequence }} {{ 1 is iterable }} {{ deep is iterable }} {{ missing is sequence }} {{ range(2) is iterable }} {{ 1 is sequence }} {{ tools is iterable }}
{{ {1.5: 1, 2: 3} | tojson }} {{ 1e-7 | tojson }}
{% for x in [1, 2] %}{% with a = x %}{{ a }}{% endwith %}{% if x == 1 %}{% continue %}{% endif %}!{% endfor %}
{% for x in [1, 2] %}{% with a = x %}{% continue %}{% endwith %}{% endfor %}
{% for x in [1, 2] %}{% set a %}{% continue %}{% endset %}{% endfor %}
{{ '5' | int + 1 }} {{ '1e3' | int }} {{ ' 7 ' | int }} {{ 'a' | float(1.5) }} {{ 'a' | int(default=3) }} {{ [] | int }} {{ none | float }} {{ -1.7 | int }}
{{ 'Straße'.casefold() }}
{{ 'abc'.startswith('b', 1) }}
{{ [1,2,3].index(2) }}
{{ 'abc'.zfill(5) }}
{{ 'a'.center(5) }}|
{{ 'Ab'.istitle() }} {{ 'a_b'.isidentifier() }}
{{ '%d' | format(3.7) }}
{{ dict([('a', 1)]) }}
{{ dict.fromkeys(['a']) }}
{% macro m(a) %}{% endmacro %}{{ m.arguments }}
{{ 'a\nb' | indent('--') }}
{{ '0x1f' | int(0, 16) }}
{{ 'a b c' | wordcount }} {{ 'abcdefgh' | truncate(5) }}
{{ raise_exception is callable }} {{ 'a' is callable }}
{{ {'a': 1} | xmlattr }}
{{ lipsum is defined }}
{{ '\U0001f980' }}
{{ self is defined }}
{{ 'ǆ'.title() }}
{{ '½'.isdecimal() }}
""".strip("\n").split("\n")
# A line break in a template is written ⏎ above, but one case spans two lines of the list.
joined, wait = [], None
for line in templates:
    if wait is not None:
        joined.append(wait + "\n" + line)
        wait = None
    elif line == "{{ 'line one":
        wait = line
    elif "replace('\\n','⏎')" in line:
        joined.append(line)
    else:
        joined.append(line.replace("⏎", "\n"))
cases = []
for source in joined:
    try:
        cases.append({"template": source, "text": utils._compile_jinja_template(source).render(**variables)})
    except Exception as error:
        cases.append({"template": source, "error": f"{type(error).__name__}: {error}"})
document = {
    "versions": {"transformers": transformers.__version__, "jinja2": jinja2.__version__},
    "variables": variables,
    "cases": cases,
}
(pathlib.Path(__file__).parent / "environment.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
