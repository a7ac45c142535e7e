"""The plan of the house, as rules that fail: floors, rooms, sizes, names, exports, tests."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import llmstream
from llmstream import errors

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "llmstream"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Module:
    """A module of the package; `room` is its path there, with slashes: "wire/anthropic/decode"."""

    room: str
    tree: ast.Module = attrs.field(repr=False)
    lines: int

    def is_in(self, *rooms: str) -> bool:
        return any(self.room == room or self.room.startswith(f"{room}/") for room in rooms)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.room}.py:{getattr(node, 'lineno', 1)}: {what}"


def read(path: Path) -> Module:
    text = path.read_text("utf-8")
    room = path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")
    return Module(room, ast.parse(text), text.count("\n"))


MODULES = [read(path) for path in sorted(PACKAGE.rglob("*.py"))]
BELOW_THE_AWAIT_LINE = (
    "errors",
    "stage",
    "jsontext",
    "values",
    "reduce",
    "serial",
    "schema",
    "unfold",
    "wire",
)


def imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """What a module imports, lazily or not, with dots: "anyio.abc", "os.environ"."""
    for node in module.nodes(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def dotted(node: ast.AST) -> str:
    """A name with its attributes, "os.environ"; empty for what is none."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    for node in module.nodes(ast.Call):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def functions(module: Module) -> Iterator[Function]:
    for node in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        if isinstance(node, Function):
            yield node


def test_the_import_contracts_are_kept():
    command = "import sys; from importlinter import cli; sys.exit(cli.lint_imports(no_cache=True))"
    run = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_floor_and_room_has_a_contract():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in ("floors", "rooms of wire", "rooms of values", "no circles"):
        assert f'name = "{name}"' in text


# Which library is imported where; those that are not named go anywhere.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "httpx": ("transport",),
    "httpx2": ("transport",),
    "httpcore": ("transport",),
    "asyncio": ("transport", "testing/clock"),
    "trio": ("transport", "testing/clock"),
    "sniffio": ("transport",),
    "anyio": (
        "stream",
        "transport",
        "client",
        "tools",
        "observe",
        "chain",
        "model",
        "sync",
        "portal",
        "testing",
        "cli",
    ),
    "cattrs": ("serial", "schema"),
    "click": ("cli",),
    "genai_prices": ("client/prices",),
    "rich": ("cli",),
    "mcp": ("tools/mcp",),
    "pluggy": ("plugins",),
    "hypothesis": ("testing/strategies",),
    "msgspec": ("jsontext", "schema", "wire"),
    "json": ("jsontext",),
    "logging": (),
    "sqlite3": (),
    "importlib.metadata": ("plugins",),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_its_room_only(library: str):
    rooms = LIBRARIES[library]
    strays = [
        module.at(node, name)
        for module in MODULES
        for node, name in imported(module)
        if f"{name}.".startswith(f"{library}.") and not module.is_in(*rooms)
    ]
    assert strays == []


# The clock, chance, the machine: what would make a pure function answer differently tomorrow.
IMPURE = (
    "time",
    "random",
    "secrets",
    "uuid",
    "os",
    "pathlib",
    "io",
    "tempfile",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "signal",
    "urllib.request",
    "http.client",
    "anyio",
)


def test_nothing_below_the_await_line_knows_the_world():
    strays = [
        module.at(node, name)
        for module in MODULES
        if module.is_in(*BELOW_THE_AWAIT_LINE)
        for node, name in imported(module)
        if any(f"{name}.".startswith(f"{world}.") for world in IMPURE)
    ]
    clocks = [
        module.at(node, name)
        for module in MODULES
        if module.is_in(*BELOW_THE_AWAIT_LINE)
        for node, name in calls(module)
        if name == "open" or name.rpartition(".")[2] in {"now", "utcnow", "today"}
    ]
    assert strays + clocks == []


def test_nothing_below_the_await_line_awaits():
    stage = next(module for module in MODULES if module.room == "stage")
    driver = next(function for function in functions(stage) if function.name == "drive")
    allowed = {id(node) for node in ast.walk(driver)}
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    strays = [
        module.at(node, type(node).__name__)
        for module in MODULES
        if module.is_in(*BELOW_THE_AWAIT_LINE)
        for node in module.nodes(*kinds)
        if id(node) not in allowed
    ]
    assert strays == []


def named(*names: str) -> set[str]:
    """Uses of dotted names, imported or written out."""
    return {
        module.at(node, name)
        for module in MODULES
        for node, name in [
            *imported(module),
            *((node, dotted(node)) for node in module.nodes(ast.Attribute, ast.Name)),
        ]
        if name in names
    }


def outside(places: set[str], *rooms: str) -> list[str]:
    return sorted(place for place in places if not any(re.match(rf"{room}[/.]", place) for room in rooms))


def test_the_environment_is_read_in_config_only():
    # The folder of recorded cases is no matter of the user's set-up; SSL_CERT_FILE is OpenSSL's own, and
    # proxies are everybody's.
    used = named("os.environ", "os.getenv", "os.environb")
    rooms = ("config", "testing/corpus", "transport/fast/tls", "transport/fast/proxies")
    assert outside(used, *rooms) == []


SCOPES = (
    "CancelScope",
    "create_task_group",
    "fail_after",
    "move_on_after",
    "from_thread.start_blocking_portal",
)


def test_task_groups_and_cancel_scopes_stay_in_their_rooms():
    opened = named(*(f"anyio.{scope}" for scope in SCOPES))
    # The loopback server runs its connections as tasks; a scripted read has a limit, as a real one has; the
    # callers of a simulation run side by side, and are cancelled.
    testing = ("testing/loopback", "testing/fakes", "testing/sim")
    rooms = ("stream", "transport", "client", "tools", "chain", "model", "sync", "portal", *testing)
    assert outside(opened, *rooms) == []


def opens_scope(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).removeprefix("anyio.") in SCOPES


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes inside, without those of functions that are defined there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda):
            yield child
            yield from own_nodes(child)


def test_nothing_is_yielded_inside_a_scope():
    strays = [
        module.at(inside, "yield inside a cancel scope or task group")
        for module in MODULES
        for block in module.nodes(ast.With, ast.AsyncWith)
        if isinstance(block, ast.With | ast.AsyncWith)
        if any(opens_scope(n) for item in block.items for n in ast.walk(item.context_expr))
        for inside in own_nodes(block)
        if isinstance(inside, ast.Yield | ast.YieldFrom)
    ]
    assert strays == []


def test_only_the_command_line_prints():
    printed = named("print", "sys.stdout", "sys.stderr", "warnings.simplefilter", "pprint.pprint")
    assert outside(printed, "cli", "__main__", "testing/sim/__main__") == []


def test_no_provider_is_told_by_its_name():
    strays = [
        module.at(node, ast.unparse(node))
        for module in MODULES
        for node in module.nodes(ast.Compare)
        if isinstance(node, ast.Compare)
        if any(
            dotted(side).rpartition(".")[2] in {"provider", "provider_name", "vendor"}
            for side in (node.left, *node.comparators)
        )
        if any(isinstance(side, ast.Constant) and side.value for side in (node.left, *node.comparators))
    ]
    assert strays == []


def docstrings(module: Module) -> set[int]:
    documented = module.nodes(ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in documented if isinstance(node, ast.Module | ast.ClassDef | Function)]
    return {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}


def test_only_providers_know_addresses():
    strays = [
        module.at(node, node.value)
        for module in MODULES
        if not module.is_in("providers", "testing")
        for node in module.nodes(ast.Constant)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(r"https?://\w+[.:]\w+", node.value) and id(node) not in docstrings(module)
    ]
    # What leads nowhere: the address of a transport that is no network.
    assert [stray for stray in strays if "127.0.0.1" not in stray] == []


def test_codecs_do_not_know_each_other():
    dialects = {
        module.room.split("/")[1]
        for module in MODULES
        if module.room.count("/") >= 2 and module.is_in("wire")
    }
    dialects -= {"framing"}
    assert {"anthropic", "openai_chat"} <= dialects
    strays = [
        module.at(node, name)
        for module in MODULES
        for dialect in dialects
        if module.is_in(f"wire/{dialect}")
        for node, name in imported(module)
        if any(f"{name}.".startswith(f"llmstream.wire.{other}.") for other in dialects - {dialect})
    ]
    assert strays == []


# The faces: each keyword is a thing to say about a call, and they all end in one Request.
WIDE = {"prompt", "chain", "reply", "get_model", "get_provider"}


def length(function: Function) -> int:
    """Lines from `def` to the end, the docstring apart."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def width(function: Function) -> int:
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in given if argument.arg not in {"self", "cls"}])


def test_functions_are_short():
    strays = [
        m.at(f, f"{f.name}, {length(f)} lines") for m in MODULES for f in functions(m) if length(f) > 60
    ]
    assert strays == []


def test_files_are_short():
    assert [f"{module.room}.py, {module.lines} lines" for module in MODULES if module.lines > 600] == []


def test_functions_take_few_parameters():
    strays = [
        module.at(function, f"{function.name}, {width(function)} parameters")
        for module in MODULES
        for function in functions(module)
        if width(function) > 6 and function.name not in WIDE
    ]
    assert strays == []


def test_no_module_has_a_name_that_says_nothing():
    empty = re.compile(r"_?(utils?|helpers?|common|misc|core|base_.*|managers?|.*_utils?|.*_helpers?)")
    parts = {(module.room, part) for module in MODULES for part in module.room.split("/")}
    assert sorted(room for room, part in parts if empty.fullmatch(part)) == []


def reexports() -> list[str]:
    """The names that `llmstream/__init__.py` gives to others: what it imports as itself."""
    tree = next(module.tree for module in MODULES if module.room == "__init__")
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [alias.asname for node in imports for alias in node.names if alias.asname is not None]


def test_each_public_name_is_listed_once_and_resolves():
    names = reexports()
    assert sorted(set(names)) == sorted(names)
    assert sorted(getattr(llmstream, "__all__", names)) == sorted(names)
    for name in names:
        value = getattr(llmstream, name)
        assert not isinstance(value, type) or value.__name__ == name
        assert name in dir(llmstream)


PROMISED = """
    get_model Model EventStream ChainStream Conversation Response Timeouts Secret
    tool ToolCall Toolbox FunctionTool Progress CancelToolCall PauseChain ChainLimits ToolLimits
    reduce step Draft
    user assistant system tool_message Message
    Request Options Tool ServerSideTool ToolChoice OutputSchema Usage
    TextPart ReasoningPart ToolCallPart ToolResultPart AttachmentPart OpaquePart Attachment
    TextDelta ReasoningDelta ToolCallStart ToolCallArgsDelta ToolCallEnd ToolResultOut ToolProgress ImageOut
    AudioDelta CitationOut PartMetadata OpaqueOut Raw RoundDone Restarted Done UnknownEvent
"""


@pytest.mark.parametrize("name", PROMISED.split())
def test_names_that_others_rely_on_are_public(name: str):
    assert name in reexports()


def exceptions() -> dict[str, type[BaseException]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.LLMStreamError)
    }


def drawn_tree(text: str) -> set[tuple[str, str]]:
    """The pairs of child and parent that a tree of box-drawing characters shows."""
    pairs: set[tuple[str, str]] = set()
    above: list[str] = []
    for line in text.splitlines():
        found = re.match(r"(?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)(\s|$)", line)
        if found and (found["lead"] or found["name"] == "LLMStreamError"):
            above[len(found["lead"]) // 4 :] = [found["name"]]
            pairs.add((found["name"], above[-2] if len(above) > 1 else ""))
    return pairs


def test_the_exception_tree_is_the_one_in_the_docstring():
    real = {
        (name, next((base.__name__ for base in kind.__bases__ if base.__name__ in exceptions()), ""))
        for name, kind in exceptions().items()
    }
    assert drawn_tree(errors.__doc__ or "") == real


def test_every_exception_is_public():
    assert set(exceptions()) <= set(reexports())


def own_room(module: Module) -> str:
    """The room as test files say it: without the underscores of private modules."""
    folder, _, name = module.room.rpartition("/")
    return f"{folder}/{name.strip('_')}".lstrip("/")


def is_tested(module: Module) -> bool:
    folder, _, name = own_room(module).rpartition("/")
    tests = ROOT / "tests" / folder
    # Rows are data: one file goes through those of a dialect, and names each of them.
    shared = tests.glob("test_*_rows.py") if folder == "providers" else ()
    names = (f'"{name}"', f'"{name.replace("_", "-")}"')
    return (tests / f"test_{name}.py").is_file() or any(
        known in path.read_text("utf-8") for path in shared for known in names
    )


def test_each_module_has_its_own_test_file():
    modules = [module for module in MODULES if (PACKAGE / f"{module.room}.py").is_file()]
    missing = [m.room for m in modules if m.room not in {"__init__", "__main__"} and not is_tested(m)]
    assert not missing, "no test file for " + ", ".join(missing)


def test_no_test_file_is_left_without_its_module():
    rooms = {own_room(module) for module in MODULES}
    # Those at the top may be about the whole, as are faults, fuzz and behaviours; peers are programs of
    # others, rows are many modules.
    whole = {"behaviours", "faults", "fuzz", "peers"}
    paths = [
        path
        for path in (ROOT / "tests").glob("*/**/test_*.py")
        if not whole & {path.parent.name, path.stem[5:]}
    ]
    tested = {f"{path.parent.relative_to(ROOT / 'tests').as_posix()}/{path.stem[5:]}" for path in paths}
    assert sorted(room for room in tested - rooms if not room.endswith("_rows")) == []


HEAVY = (
    "httpx",
    "httpx2",
    "httpcore",
    "anyio",
    "cattrs",
    "click",
    "rich",
    "pluggy",
    "sniffio",
    "trio",
    "asyncio",
)


def test_importing_the_package_loads_nothing_heavy():
    command = f"import llmstream, sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


FIRST_CALL = """
import sys, anyio, llmstream
async def main():
    async with llmstream.get_model("demo").prompt("hi") as stream:
        async for _ in stream:
            pass
    await stream
anyio.run(main)
print(*sys.modules)
"""
# For tools, schemas, chains, stored answers, budgets, limiters, listings and clients of one's own.
LATER = ("tools", "schema", "output", "chain", "serial", "client.budget", "client.limiter", "wire.limits")


def test_a_plain_call_loads_nothing_that_it_does_not_use():
    run = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {f"llmstream.{name}" for name in LATER} & loaded == set()
    assert {"httpx", "httpx2", "cattrs", "click", "random", "secrets"} & loaded == set()


def public(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """What a user may call or read: functions, classes and their methods, without a leading underscore."""
    for node in module.tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            members = node.body if isinstance(node, ast.ClassDef) else []
            for member in members:
                if isinstance(member, Function) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def is_overload(node: ast.AST) -> bool:
    return isinstance(node, Function) and any(dotted(d).endswith("overload") for d in node.decorator_list)


def test_docstrings_begin_with_one_sentence():
    strays = []
    for module in MODULES:
        for name, node in [("module", module.tree), *public(module)]:
            text = "" if is_overload(node) else ast.get_docstring(node) or "(none)"
            if text and not text.split("\n")[0].endswith((".", "…")):
                strays.append(module.at(node, f"{name}: {text.split(chr(10))[0]}"))
    assert strays == []
