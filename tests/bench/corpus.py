"""The corpora of scripts/bench: made once, kept, and described as what they really are."""

import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Well-known packages with many dependencies: what people carry.
CRATES = ["actix-web", "axum", "clap", "image", "ratatui", "reqwest", "rocket", "sqlx", "tonic", "wgpu"]
NPM = [
    "@angular/cli", "eslint", "express", "gulp", "jest", "lerna", "mocha", "pm2", "prettier", "react-dom", "stylelint", "svelte",
    "typescript", "vite", "vue", "webpack", "webpack-dev-server",
]
WHEELS = ["aiohttp", "black", "boto3", "cryptography", "django", "fastapi", "jupyterlab", "numpy", "pandas", "pillow", "sqlalchemy"]

SMALL_FILES = 1_500
SMALL_BYTES = 205_000_000
# A few large files would leave no room for many.
SMALL_FILE_BYTES = 20_000_000
TINY_FILES = 50_000
LARGE_BYTES = 2_000_000_000
OBJECTS = 1_000_000
MANY = 100_000
GIANT_BYTES = 8 << 30


@dataclasses.dataclass
class Corpus:
    folder: pathlib.Path
    words: str
    bytes: int
    selection: str


def make(name, place, note):
    """Makes a corpus, or takes the one that is there. `None` where this machine cannot have it."""
    folder, done = place / name, place / f"{name}.json"
    if not done.exists():
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        note(f"making the corpus {name}")
        words = MAKERS[name](folder, place, note)
        if words is None:
            shutil.rmtree(folder)
            return None
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        text = f"{len(sizes):,} files, {sum(sizes) / 1e6:,.0f} MB: {words}"
        done.write_text(json.dumps({"words": text, "bytes": sum(sizes)}))
    known = json.loads(done.read_text())
    if name == "crates":
        lock = json.dumps(str(place / "downloads" / "cargo" / "Cargo.lock"))
        selection = f"schema: sealift-selection/1\nselect:\n  - lockfile: {lock}\n"
    else:
        selection = f'schema: sealift-selection/1\nselect:\n  - files: bench\n    version: "1"\n    folder: in\n'
    return Corpus(folder, known["words"], known["bytes"], selection)


def small(folder, place, note):
    """Real artifacts of three kinds, about 200 MB in 1,500 files; fewer where the clients or registries are not there."""
    found = []
    for kind, gather in (("crates", crate_files), ("npm", npm_files), ("wheels", wheel_files)):
        try:
            found += [(kind, name, path) for name, path in gather(place / "downloads", note)]
        except (OSError, subprocess.CalledProcessError) as error:
            note(f"no {kind}: {error}")
    # By a hash of the name: a mixture that is the same whenever the downloads are.
    found.sort(key=lambda item: hashlib.sha256(item[1].encode()).digest())
    counts, total = {}, 0
    for kind, name, path in found:
        size = path.stat().st_size
        if sum(counts.values()) == SMALL_FILES or total + size > SMALL_BYTES or size > SMALL_FILE_BYTES:
            continue
        (folder / kind).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / kind / name)
        counts[kind] = counts.get(kind, 0) + 1
        total += size
    return "real " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def crates(folder, place, note):
    """The crates of one real lockfile; sealift takes them through its cargo ecosystem, with index and inspection."""
    for name, path in crate_files(place / "downloads", note):
        shutil.copyfile(path, folder / name)
    return "real crates of one Cargo.lock, as crates with their index lines and not as plain files"


def crate_files(downloads, note):
    """Fetched by cargo into cargo's own cache."""
    project = downloads / "cargo"
    lock = project / "Cargo.lock"
    if not lock.exists():
        note(f"cargo fetches {', '.join(CRATES)}")
        (project / "src").mkdir(parents=True, exist_ok=True)
        (project / "src" / "lib.rs").touch()
        lines = ["[package]", 'name = "corpus"', 'version = "0.0.0"', 'edition = "2021"', "", "[dependencies]"]
        manifest = "\n".join(lines + [f'{crate} = "*"' for crate in CRATES] + ["", "[workspace]", ""])
        (project / "Cargo.toml").write_text(manifest)
    subprocess.run(["cargo", "fetch", "--quiet"], cwd=project, check=True)
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    cached = {path.name: path for path in (home / "registry" / "cache").glob("*/*.crate")}
    packages = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource', lock.read_text())
    names = [f"{name}-{version}.crate" for name, version in packages]
    return [(name, cached[name]) for name in names if name in cached]


def npm_files(downloads, note):
    """Installed by npm, without running their scripts; the tarballs are those of npm's cache."""
    project, cache = downloads / "npm", downloads / "npm-cache"
    lock = project / "package-lock.json"
    if not lock.exists():
        note(f"npm fetches {', '.join(NPM)}")
        project.mkdir(parents=True, exist_ok=True)
        (project / "package.json").write_text('{"name": "corpus", "private": true}')
        quiet = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "install", *quiet, "--cache", str(cache), *NPM], cwd=project, check=True)
        shutil.rmtree(project / "node_modules")
    files = {}
    for path, package in json.loads(lock.read_text())["packages"].items():
        algorithm, _, value = package.get("integrity", "").partition("-")
        if algorithm != "sha512" or "version" not in package:
            continue
        digest = base64.b64decode(value).hex()
        content = cache / "_cacache" / "content-v2" / algorithm / digest[:2] / digest[2:4] / digest[4:]
        name = path.rpartition("node_modules/")[2].replace("/", "-").lstrip("@")
        if content.exists():
            files[f"{name}-{package['version']}.tgz"] = content
    return sorted(files.items())


def wheel_files(downloads, note):
    """Downloaded by pip, without running anything of them."""
    folder = downloads / "wheels"
    if not folder.exists():
        note(f"pip fetches {', '.join(WHEELS)}")
        subprocess.run(["python3", "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder),
                        *WHEELS], check=True)
    return sorted((path.name, path) for path in folder.glob("*.whl"))


def text_pool():
    """Text that compresses as text does: the sources of this project and of Python's library."""
    files = sorted(ROOT.glob("src/**/*.rs")) + sorted(pathlib.Path(os.__file__).parent.glob("*.py"))
    return b"".join(path.read_bytes() for path in files)


def tiny(folder, _place, _note):
    """Every second one is text and compresses; the others are noise, which nobody can tell from their names."""
    noise, text = random.Random(1), text_pool()
    for number in range(TINY_FILES):
        part = folder / f"{number // 500:03}"
        part.mkdir(exist_ok=True)
        size = noise.randrange(1_000, 20_000)
        if number % 2:
            start = noise.randrange(len(text) - size)
            data, name = text[start:start + size], f"{number}.txt"
        else:
            data, name = noise.randbytes(size), f"{number}.bin"
        (part / name).write_bytes(data)
    return "1 to 20 KB each, half text and half noise"


def large(folder, _place, _note):
    """Models and layers: noise under a name that says so, and tar archives of what is installed here."""
    noise = random.Random(2)
    for number in range(3):
        write_noise(folder / f"model-{number}.safetensors", LARGE_BYTES // 5, noise)
    layer_bytes = LARGE_BYTES // 5
    paths = (path for top in ("/usr/lib", "/usr/bin", "/usr/share") for path in sorted(pathlib.Path(top).rglob("*")))
    for number in range(2):
        total = 0
        with tarfile.open(folder / f"layer-{number}.tar", "w") as layer:
            for path in paths:
                if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                    layer.add(path, arcname=str(path).lstrip("/"), recursive=False)
                    total += path.stat().st_size
                    if total > layer_bytes:
                        break
    return "three models that do not compress, two uncompressed layers that do"


def objects(folder, _place, note):
    if shutil.disk_usage(folder).free < 40 << 30:
        note("objects: less than 40 GiB of disk are free, left out")
        return None
    return write_objects(folder, OBJECTS)


def many(folder, _place, _note):
    return write_objects(folder, MANY)


def write_objects(folder, count):
    for number in range(count):
        if number % 1000 == 0:
            part = folder / f"{number // 1000:03}"
            part.mkdir()
        (part / f"{number}.json").write_text(f'{{"number": {number}, "text": "{number:0200}"}}')
    return "about 230 bytes each"


def giant(folder, _place, note):
    if shutil.disk_usage(folder).free < 60 << 30:
        note("giant: less than 60 GiB of disk are free, left out")
        return None
    write_noise(folder / "model.safetensors", GIANT_BYTES, random.Random(3))
    return "noise"


def write_noise(path, size, noise):
    with open(path, "wb") as file:
        while size > 0:
            part = noise.randbytes(min(size, 1 << 20))
            file.write(part)
            size -= len(part)


MAKERS = {"small": small, "crates": crates, "tiny": tiny, "large": large, "objects": objects, "many": many,
          "giant": giant}
