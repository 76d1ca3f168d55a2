"""Work in processes and on machines of its own: `local`, `ray` and `slurm`.

A work is one search, a part of one, or one retraining, said completely in `base.Work`. It is done
in a work folder (see `folder`) by `python -m ticket_hub.engines.execute`, and can be killed and
begun again at any moment. An engine decides where that process runs.
"""
