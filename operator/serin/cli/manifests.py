"""YAML documents from files and standard input, each value with the line on which it stands."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serin.cli.problems import UnreadableInputError, UnusableInputError

Step = str | int
FieldPath = tuple[Step, ...]
"""From the document down to a value: keys of mappings, positions in lists."""


class _Loader(yaml.SafeLoader):
    """Scalars as Kubernetes reads them: a date is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One object of a file. `node` is what it was read from, and knows its lines."""

    file: str
    content: Any
    node: yaml.Node

    @property
    def kind(self) -> str | None:
        """The object's kind, if it has one."""
        kind = self.content.get("kind") if isinstance(self.content, Mapping) else None
        return kind if isinstance(kind, str) else None

    @property
    def title(self) -> str:
        """The object's kind and name, for people."""
        metadata = self.content.get("metadata") if isinstance(self.content, Mapping) else None
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return " ".join(str(part) for part in (self.kind or "document", name) if part is not None)

    def line(self, path: FieldPath = ()) -> int:
        """The line of a field, from 1; of the nearest part around it where the field is not there."""
        node, line = self.node, self.node.start_mark.line
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return int(line) + 1

    def value(self, path: FieldPath) -> Any:
        """The value of a field; None where it is not there."""
        value = self.content
        for step in path:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def repeated_fields(self) -> Iterator[FieldPath]:
        """Every field that is written twice: YAML would keep the last one in silence."""
        return _repeated(self.node, (), set())


def read_documents(files: Sequence[str]) -> list[Document]:
    """Every object in these files, in order; `-` is standard input. The items of a List stand for themselves.

    Raises:
        UnreadableInputError: a file cannot be read, or is no YAML.
        UnusableInputError: standard input is named twice.
    """
    if files.count("-") > 1:
        raise UnusableInputError("-f - stands twice, and standard input can be read once: leave one out")
    return [document for file in files for document in _objects(file, _text(file))]


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableInputError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UnreadableInputError(f"{file} is not text in UTF-8: is it a manifest?") from error


def _objects(file: str, text: str) -> Iterator[Document]:
    name = "standard input" if file == "-" else file
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield from _unpacked(Document(name, loader.construct_document(node), node))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableInputError(f"{name} is not YAML: {_in_one_line(error)}") from error
    finally:
        loader.dispose()


def _unpacked(document: Document) -> Iterator[Document]:
    if document.content is None:
        return
    items = document.content.get("items") if isinstance(document.content, Mapping) else None
    if not (document.kind or "").endswith("List") or not isinstance(items, list):
        yield document
        return
    nodes = _child(document.node, "items")
    for node, item in zip(nodes[1].value if nodes else (), items, strict=True):
        yield Document(document.file, item, node)


def _in_one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _child(node: yaml.Node, step: Step) -> tuple[int, yaml.Node] | None:
    """The line on which a part begins, and the part."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def _repeated(node: yaml.Node, path: FieldPath, seen: set[int]) -> Iterator[FieldPath]:
    if id(node) in seen:
        return
    seen.add(id(node))
    for step, child, again in _parts(node):
        if again:
            yield (*path, step)
        yield from _repeated(child, (*path, step), seen)


def _parts(node: yaml.Node) -> Iterable[tuple[Step, yaml.Node, bool]]:
    if isinstance(node, yaml.SequenceNode):
        return [(position, child, False) for position, child in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return []
    keys = [key.value if isinstance(key, yaml.ScalarNode) else "" for key, _ in node.value]
    return [(key, child, key in keys[:at]) for at, (key, (_, child)) in enumerate(zip(keys, node.value, strict=True))]
