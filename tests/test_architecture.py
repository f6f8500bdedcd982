"""Who imports whom, read from the source with `ast`; and what `import tinydl` loads."""

import ast
import functools
import pathlib
import shutil
import subprocess
import sys

import pytest

import tinydl

ROOT = pathlib.Path(tinydl.__file__).parent
# A room imports itself, the rooms on its line, and nothing else of tinydl.
BASE = {"_check", "_html", "_name", "_version", "_core", "config", "random", "layout", "gradient", "changes"}
GRAPH = BASE | {"deferred", "tensor", "graph", "function", "hooks", "instead", "devices", "later"}
ALLOWED = {
    "_check": set(),
    "_html": set(),
    "_name": set(),
    "_version": set(),
    "_files": {"_check"},
    "_lock": {"_check"},
    "_core": set(),
    "config": {"_check", "_core", "_version"},
    "random": {"_check"},
    "layout": {"_core"},
    "gradient": {"_core", "config", "layout"},
    "deferred": {"_core", "config", "layout", "gradient"},
    "changes": set(),
    "hooks": {"gradient"},
    "instead": set(),
    "later": {"instead"},
    "backward": {"changes", "gradient", "hooks"},
    "tensor": BASE | {"backward", "hooks"},
    "devices": {"tensor"},
    "autograd": {"backward", "config", "function", "gradient", "tensor"},
    "creation": {"_check", "devices", "random", "tensor"},
    "words": {"instead", "ops"},
    "saving": {"_check", "_files", "devices", "tensor", "train"},
    "utils": {"data"},
    "graph": BASE | {"tensor"},
    "function": BASE | {"deferred", "tensor", "graph"},
    "ops": GRAPH,
    "nn": (GRAPH | {"ops"}) - {"_core"},
    "models": {"nn", "ops", "tensor"},
    "inference": GRAPH | {"ops", "nn"},
    "export": (GRAPH | {"ops", "nn", "inference", "train", "_files", "_version"}) - {"_core"},
    "optim": GRAPH | {"ops", "_files"},
    "data": (BASE | {"_files", "later", "tensor"}),
    "distributed": {"_check", "_name", "config", "layout", "random", "optim"},
    "train": (GRAPH | {"ops", "nn", "models", "optim", "data", "distributed", "_files", "_lock",
                        "inspect"}) - {"_core"},
    "inspect": (GRAPH | {"ops", "nn", "models", "data", "train", "_files"}) - {"_core"},
    "testing": GRAPH | {"ops", "nn", "distributed"},
    "interop": (GRAPH | {"ops", "nn", "models", "optim", "data", "train", "inspect", "_files"}) - {"_core"},
    "sklearn": {"interop"},
    "cli": (GRAPH | {"ops", "nn", "models", "optim", "data", "train", "inspect", "interop", "export", "recipes",
                     "distributed", "_files", "_version"}) - {"_core"},
    "recipes": set(),
    "__main__": {"cli"},
    "__init__": {"_name", "_version", "config", "function", "inference", "nn", "ops", "optim", "random", "tensor",
                 "later", "words"},
}
# Other packages, and where they may be imported: inside functions only.
OPTIONAL = {"matplotlib", "pandas", "sklearn", "tqdm", "safetensors", "onnx", "torch", "scipy", "PIL", "onnxruntime",
            "argcomplete", "mpi4py", "optuna", "ray"}
KERNEL_USERS = {
    "ops",
    "optim",
    "data/augment.py",
    "data/augmentations.py",
    "layout.py",
    "gradient.py",
    "deferred.py",
    "config.py",
    "inference/kernels.py",
    "inference/schedule.py",
    "testing",
    "_core",
}


def sources():
    return sorted(p for p in ROOT.rglob("*.py") if "__pycache__" not in p.parts)


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@functools.cache
def imports(path):
    """(module name, whether at module level) of every import; from-imports of a package give its parts.

    What is imported for type checkers alone does not count.
    """
    tree = ast.parse(path.read_text())
    top, found = {id(node) for node in tree.body}, []
    unread = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.If)
              and ast.unparse(node.test) == "TYPE_CHECKING" for child in node.body for inner in ast.walk(child)}
    for node in ast.walk(tree):
        if id(node) in unread or isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [(f"{module}.{alias.name}", id(node) in top) for alias in node.names]
    return found


def all_imports():
    """(file, module name, whether at module level) of every import of the package."""
    return [(path, *each) for path in sources() for each in imports(path)]


def test_imports_point_one_way():
    wrong = [f"{path}: a new room; say in ALLOWED what it may import" for path in sources()
             if room(path) not in ALLOWED]
    assert not wrong, "\n".join(wrong)
    for path, name, _ in all_imports():
        parts, here = name.split("."), room(path)
        allowed = parts[0] not in ("tests", "bench", "")  # "": a relative import
        if parts[0] == "tinydl" and len(parts) > 1:
            target = parts[1]
            if (ROOT / target).is_dir() or (ROOT / f"{target}.py").exists():
                allowed = target == here or target in ALLOWED[here] or target == "__version__"
        if not allowed:
            wrong.append(f"{path}: imports {name}")
    assert not wrong, "\n".join(wrong)


def test_optional_packages_are_imported_inside_functions():
    wrong = []
    for path, name, at_top in all_imports():
        package = name.split(".")[0]
        if package in OPTIONAL and not (package == "sklearn" and room(path) == "interop"):  # whose classes these are
            allowed = not at_top
        else:
            allowed = package in ("tinydl", "numpy", "sklearn") or package in sys.stdlib_module_names
        if not allowed:
            wrong.append(f"{path}: imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("user", sorted(KERNEL_USERS))
def test_who_is_listed_as_a_user_of_the_kernels_is_one(user):
    files = [p for p in sources() if p.relative_to(ROOT).as_posix() == user or room(p) == user]
    assert any(name.startswith("tinydl._core") for p in files for name, _ in imports(p))


def test_only_operations_touch_the_kernels():
    users = {path for path, name, _ in all_imports() if name.startswith("tinydl._core")}
    others = [path for path in (p.relative_to(ROOT).as_posix() for p in sorted(users))
              if not any(path == user or path.startswith(user + "/") for user in KERNEL_USERS)]
    assert not others


def test_kernels_get_the_team_and_not_the_setting():
    """What was set is for people; a kernel gets `team()`, which may be less while others hold the cores."""
    askers = {p.relative_to(ROOT).as_posix() for p in sources() if "get_num_threads" in p.read_text()}
    assert askers == {"__init__.py", "config.py", "cli/fitting.py", "distributed/threads.py",
                      "interop/estimator.py"}  # which puts it back


# --- tests mirror files ----------------------------------------------------------------------------------------------

TESTS = pathlib.Path(__file__).parent
SOURCE = TESTS.parent / "tinydl"
# Files that say nothing of their own, and twins, which are what the tests of their kernels compare with.
WITHOUT_TESTS = ("__init__", "__main__", "_version")


@pytest.mark.skipif(not SOURCE.exists(), reason="the source is not part of this tree")
def test_every_file_has_a_test_file_of_its_name():
    missing = []
    for path in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyx")]):
        relative = path.relative_to(SOURCE)
        if path.stem in WITHOUT_TESTS or "__pycache__" in path.parts or relative.parts[:2] == ("_core", "reference"):
            continue
        mirror = TESTS / relative.parent / f"test_{path.stem.lstrip('_')}.py"
        if not mirror.exists():
            missing.append(f"{relative.as_posix()}: no {mirror.relative_to(TESTS.parent).as_posix()}")
    assert not missing, "\n".join(missing)


# --- what an import loads --------------------------------------------------------------------------------------------

def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_numpy_and_nothing_else():
    loaded = run(
        "import sys, numpy; before = set(sys.modules); import tinydl; tinydl.nn.Linear(2, 2);"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    ).split()
    foreign = {m for m in loaded if m not in sys.stdlib_module_names and m not in ("tinydl", "numpy")}
    # Cython's run-time registers two modules of its own.
    assert not {m for m in foreign if not m.startswith(("_cython", "cython_runtime"))}, foreign
    assert not {"inspect", "dataclasses", "asyncio", "multiprocessing", "ssl", "urllib"} & set(loaded), loaded


def test_rooms_off_the_main_path_load_on_first_use():
    assert run(
        "import sys, tinydl; print(any(m.startswith(('tinydl.data', 'tinydl.train')) for m in sys.modules));"
        "tinydl.models.mlp; tinydl.data; print('tinydl.data' in sys.modules)"
    ).split() == ["False", "True"]


def test_public_surface():
    for name in tinydl.__all__:
        assert getattr(tinydl, name) is not None, name
    assert set(tinydl.__all__) <= set(dir(tinydl))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tinydl.nothing  # noqa: B018


def test_version():
    assert tinydl.__version__.count(".") >= 1


def test_a_source_without_kernels_says_so_in_one_line(tmp_path):
    shutil.copytree(ROOT, tmp_path / "tinydl", ignore=lambda folder, names: [n for n in names if not n.endswith(".py")
                                                                            and not pathlib.Path(folder, n).is_dir()])
    done = subprocess.run([sys.executable, "-c", "import tinydl"], capture_output=True, text=True, cwd=tmp_path,
                          env={"PATH": ""}, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: no compiled kernels for Python 3.") and "python -P" in last
    assert "pip install -e ." in last
