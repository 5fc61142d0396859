"""Carries out chat templates, in a process of its own that is given little memory; see `template_process`.

A template is a program of whoever made the checkpoint. Jinja's sandbox keeps it from the machine, not from
working for ever or filling the memory: that is for the limits on this process. It is started as a script, with
the folders of jinja2 and markupsafe as arguments, and imports nothing of the package, nor any large library.

It reads and writes lines of JSON. The environment is that of transformers (`chat_template_utils`).
"""

import contextlib
import json
import sys
from datetime import datetime
from typing import Any

MEMORY_BYTES = 512 * 2**20  # of addresses, Python's own included
MOST_CHARACTERS = 2**20  # of what a template writes


def main() -> None:
    """Answer lines until there are none."""
    sys.path[:0] = sys.argv[1:]
    from jinja2.exceptions import TemplateError

    environment = _environment()
    with contextlib.suppress(ImportError):  # not on Windows: time is limited there, memory is not
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    known: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            source = asked["template"]
            if source not in known:
                known.clear()
                known[source] = environment.from_string(source)
            answer = {"text": _written(known[source], asked["variables"])}
        except TemplateError as error:
            answer = {"refused": f"{error}"[:500] or type(error).__name__}
        except MemoryError:
            known.clear()
            answer = {"broken": "it takes too much memory"}
        except RecursionError:
            answer = {"broken": "it calls itself without end"}
        except Exception as error:  # whatever a template runs into
            answer = {"broken": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _written(template: Any, variables: dict[str, Any]) -> str:
    parts: list[str] = []
    length = 0
    for part in template.generate(**variables):
        length += len(part)
        if length > MOST_CHARACTERS:
            raise ValueError(f"it writes more than {MOST_CHARACTERS} characters")
        parts.append(part)
    text = "".join(parts)
    text.encode("utf-8")  # raises for half a pair of surrogates, which is no text
    return text


def _environment() -> Any:
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks what the assistant wrote, for training; here its body is written as it
        is."""

        tags = {"generation"}  # noqa: RUF012 (as the library declares it)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: Any = None,
        separators: Any = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    named: dict[str, Any] = environment.globals
    named |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return environment


if __name__ == "__main__":
    main()
