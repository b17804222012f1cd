"""Hold the code to the house's budgets: short functions, short files, at least as much test as code."""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 400
FUNCTION_LINES = 60
FUNCTION_MEDIAN = 10
ADAPTER_LINES = 150


def functions(path: Path) -> list[tuple[int, str]]:
    """Length in lines and name of every function in a file, docstring left out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            doc_lines = (first.end_lineno or 0) - first.lineno + 1 if docstring else 0
            found.append(
                ((node.end_lineno or 0) - node.lineno + 1 - doc_lines, f"{path.relative_to(ROOT)}:{node.name}")
            )
    return found


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def main() -> None:
    code = [path for path in (ROOT / "src").rglob("*.py") if "migrations" not in path.parts]
    tests = list((ROOT / "tests").rglob("*.py"))
    lengths = [length for path in code for length in functions(path)]
    over = [
        f"{path.relative_to(ROOT)}: {lines(path)} lines, most {MODULE_LINES}"
        for path in code
        if lines(path) > MODULE_LINES
    ]
    over += [
        f"{path.relative_to(ROOT)}: {lines(path)} lines, an adapter has at most {ADAPTER_LINES}"
        for path in code
        if path.name == "adapter.py" and lines(path) > ADAPTER_LINES
    ]
    over += [f"{name}: {length} lines, most {FUNCTION_LINES}" for length, name in lengths if length > FUNCTION_LINES]
    median = statistics.median(length for length, _name in lengths)
    if median > FUNCTION_MEDIAN:
        over.append(f"the median function has {median} lines, most {FUNCTION_MEDIAN}")
    code_lines, test_lines = sum(map(lines, code)), sum(map(lines, tests))
    if test_lines < code_lines:
        over.append(f"{test_lines} lines of tests for {code_lines} of code")
    print(f"{code_lines} lines of code, {test_lines} of tests, median function {median:g} lines")
    sys.exit("\n".join(over) if over else 0)


if __name__ == "__main__":
    main()
