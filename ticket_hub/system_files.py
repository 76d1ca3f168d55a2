"""Files that systems and tools put into people's folders: desktops, network storages, editors."""

from __future__ import annotations

import re

__all__ = ["is_system_file"]

_NAMES = re.compile(
    r"""
    \.ds_store | \._.* | \.localized | \.appledouble | \.appledb | \.appledesktop | \.fseventsd
    | \.spotlight-v100 | \.trashes | \.temporaryitems | \.documentrevisions-v100 | icon\r
    | __macosx | network\ trash\ folder | temporary\ items                              # macOS
    | thumbs\.db | ehthumbs.*\.db | desktop\.ini | \$recycle\.bin | recycler | recycled
    | system\ volume\ information                                                       # Windows
    | \.nfs.* | \.fuse_hidden.* | \.smbdelete.* | \.directory | \.trash.* | lost\+found # Linux
    | @eadir | @tmp | @sharebin | @recycle | @recently-snapshot | \.@__thumb | \.@__.*
    | \#recycle | \#snapshot | \.snapshots? | ~snapshot                           # storages
    | \.ipynb_checkpoints | __pycache__ | \.~lock\..* | \..*\.sw[op] | \.stfolder | \.dropbox.*
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_system_file(name: str) -> bool:
    """Whether a file or folder of this name is nobody's work but a system's or a tool's."""
    return _NAMES.fullmatch(name) is not None
