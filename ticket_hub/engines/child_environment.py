"""What a work's process gets of its parent's environment: what it needs, and no token."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from ticket_hub.training.capacity import GPU_SHARE, ONE_THREAD

__all__ = ["child_environment"]

_KEPT = re.compile(
    r"""PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|TERM
    |LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_\w+|XDG_\w+|PYTHON\w+
    |CUDA_\w+|NVIDIA_\w+|CUBLAS_\w+|CUDNN_\w+|NCCL_\w+|TORCH\w*|PYTORCH_\w+|TRITON_\w+
    |OMP_\w+|MKL_\w+|KMP_\w+|OPENBLAS_\w+|ONEDNN_\w+|DNNL_\w+|ATEN_\w+|NUMBA_\w+|MALLOC_\w+
    |TICKET_HOME|TICKET_DATA|TICKET_IMPORT|HF_HOME|HF_HUB_CACHE|HF_HUB_OFFLINE|HF_DATASETS_\w+
    |HF_ENDPOINT|(?i:(?:https?|all|no)_proxy)  # by which data sets are downloaded
    |SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|SLURM_\w+|SBATCH_\w+|COVERAGE_\w+""",
    re.VERBOSE,
)
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE|JWT", re.IGNORECASE
)

NO_TOKEN = {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_TOKEN_PATH": os.devnull}
"""The Hub's client shall not find the token that a user has stored either."""


def child_environment(
    before: Mapping[str, str] | None = None, *, cuda: str | None = None, sharing: int = 1
) -> dict[str, str]:
    """The environment of a process that does a work.

    Only names known to be needed are kept, so that a token under any name stays behind; pools of
    threads are told to have one; the process imports from where this one does.

    Args:
        before: by default this process's.
        cuda: what `CUDA_VISIBLE_DEVICES` becomes; None leaves it.
        sharing: how many works share the memory of the GPU.
    """
    given = os.environ if before is None else before
    kept = {
        name: value
        for name, value in given.items()
        if _KEPT.fullmatch(name) and not _SECRET.search(name)
    }
    kept |= NO_TOKEN | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if cuda is not None:
        kept["CUDA_VISIBLE_DEVICES"] = cuda
    if sharing > 1:
        kept[GPU_SHARE] = str(sharing)
    return kept
