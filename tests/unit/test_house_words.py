"""One concept, one word: public names avoid the synonyms that the glossary lists, and no function shadows a module."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import labelsieve

PACKAGE = Path(labelsieve.__file__).parent
AVOID = {
    "corpus": "pool",
    "sample": "item",
    "samples": "items",
    "instance": "item",
    "example": "item",
    "record": "item",
    "labeler": "annotator",
    "labeller": "annotator",
    "sampler": "strategy",
    "selector": "strategy",
    "utility": "acquisition, score",
    "batch": "query (size for a number)",
    "iteration": "round",
    "cycle": "round",
    "backbone": "engine",
    "featurizer": "engine",
    "vectors": "embeddings",
    "clf": "head",
    "probe": "head",
    "ann": "index",
    "normal": "dull",
    "abnormal": "odd",
    "summary": "coreset",
    "pseudo": "weak label",
    "certificate": "guarantee",
    "alert": "finding",
}
# Words that the interface fixes: options and keys of `simulate`, and what a word means elsewhere.
EXEMPT = {
    ("cli/simulate.py", "sample"),  # --sample
    ("cli/simulate.py", "batch"),  # --batch
    ("cli/simulate.py", "summary"),  # the key of its JSON
    ("project/simulation.py", "sample"),
    ("project/simulation.py", "summary"),
    ("project/facade.py", "sample"),
    ("project/playing.py", "sample"),
}


def _public_names() -> Iterator[tuple[str, str]]:
    """(module, name) of every public module, function, class, method, argument and field."""
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        yield where, path.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                yield where, node.name
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                spec = node.args
                yield from ((where, a.arg) for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                fields = [n.target for n in node.body if isinstance(n, ast.AnnAssign)]
                yield from ((where, t.id) for t in fields if isinstance(t, ast.Name) and not t.id.startswith("_"))


def _words(name: str) -> set[str]:
    return set(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_"))


def test_public_names_use_the_words_of_the_glossary() -> None:
    found = {
        f"{where}: {name} (say {AVOID[word]})"
        for where, name in _public_names()
        for word in _words(name) & AVOID.keys()
        if (where, word) not in EXEMPT
    }
    assert found == set()


def test_no_public_function_shares_a_name_with_a_module() -> None:
    modules: set[str] = set()
    functions: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        if not where.startswith(("cli/", "api/routes/")):  # at the doors a file has the name of what it opens
            modules.add(path.parent.name if path.stem == "__init__" else path.stem)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions |= {n.name: where for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    assert {name: where for name, where in functions.items() if name in modules} == {}
    assert not set(labelsieve.__all__) & modules


def test_the_glossary_lists_every_word() -> None:
    text = (PACKAGE.parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [word for word in AVOID if word not in text] == []
