"""`python -m ticket_hub` is `ticket`, so that `torchrun -m ticket_hub find RECIPE` is, too."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ticket_hub_cli", run_name="__main__", alter_sys=True)
