#!/bin/sh
# What `make demo` shows. Everything it makes lies in demo/; `ticket` must be on the PATH.
set -eu
export TICKET_HOME="$PWD/demo" OMP_NUM_THREADS=1
rm -rf demo

run() {
  printf '\n$ ticket %s\n' "$*"
  ticket "$@"
}

cat <<'WORDS'
A dense network can be pruned to a small part of its weights after training. A lottery ticket is
such a part that also trains well from the start: which weights to keep, and the values they begin
with. Here, five small networks learn to read handwritten digits. In each round the smallest fifth
of the weights is dropped, the others go back to their first values, and training begins again.
WORDS

run find digits-quick
run verify digits-quick
run report digits-quick

ticket report digits-quick --format json 2>/dev/null | python -c '
import json, sys
rows = json.load(sys.stdin)
dense, sparse = rows[0], [row for row in rows if row["density"] < 0.2][0]
percent = lambda value: f"{100 * value:.1f}%"
print(f"""
What this shows: the dense networks read {percent(dense["test_accuracy"])} of unseen digits correctly. With {percent(sparse["density"])} of
the weights, trained again from their first values, they read {percent(sparse["test_accuracy"])} (mean of {sparse["n"]} trials, from
{percent(sparse["test_accuracy_low"])} to {percent(sparse["test_accuracy_high"])}).

Whether the first values matter is another question: it takes controls. Now the ticket is shared
through a hub (here, a folder) and pulled again, as somebody else would, and trained beside the same
mask with fresh values (reinit), and beside the dense network, on equal terms.""")
'
run push digits-quick ann/digits --hub demo/hub
run retrain ann/digits:9 --against reinit,dense --hub demo/hub

echo
echo "The search's figure is $(ls demo/runs/digits-quick-*/report/ladder.png),"
echo "its whole report $(ls demo/runs/digits-quick-*/report/report.html)."
