#!/bin/sh
# The tests marked gpu, where PyTorch is installed and nothing else need be: `make gpu-bundle` brings the rest.
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=${PYTHON:-python3}
for wheel in "$here"/*.whl; do
  "$python" -m pip install -q --no-index --no-deps --no-compile --target "$scratch/site" "$wheel" || echo "left out: $wheel"
done
# What the machine has goes before what was brought.
export PYTHONPATH="$PWD:$PWD/api:$PWD/cli:$PYTHONPATH" TICKET_HOME="$scratch/home" OMP_NUM_THREADS=4
"$python" - "$scratch/site" <<'END'
import importlib.util, pathlib, shutil, sys
for part in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    name = part.name.partition("-")[0].removesuffix(".py")
    if not name.endswith((".dist", "bin", "__pycache__")) and importlib.util.find_spec(name.partition(".")[0]):
        shutil.rmtree(part) if part.is_dir() else part.unlink()
END
export PYTHONPATH="$PYTHONPATH:$scratch/site"
"$python" -m pytest -m gpu -q -p no:cacheprovider --tb=short tests/core "$@"
