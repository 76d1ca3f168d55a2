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

python -c '
import json, sys
levels = json.load(open(sys.argv[1]))["levels"]  # the manifest of the bundle
dense, sparse = levels[0], [level for level in levels if level["density"] < 0.2][0]
before, after = dense["evidence"]["test_accuracy"], sparse["evidence"]["test_accuracy"]
percent = lambda value: f"{100 * value:.1f}%"
print(f"""
What this shows: the dense networks read {percent(before["mean"])} of unseen digits correctly. With {percent(sparse["density"])} of
the weights, trained again from their first values, they read {percent(after["mean"])} (mean of {sparse["evidence"]["n"]} trials, from
{percent(after["min"])} to {percent(after["max"])}).

Now somebody else shall have this ticket. A team runs a hub of its own:""")
' demo/runs/digits-quick-*/bundle/ticket.json

printf '\n$ ticket serve &\n'
ticket serve --port 0 >demo/serve.log 2>&1 &
hub=$!
trap 'kill $hub' EXIT
until grep -q 'The hub runs at' demo/serve.log; do
  kill -0 $hub || { cat demo/serve.log; exit 1; }
  sleep 0.2
done
grep 'The hub runs at' demo/serve.log
HF_ENDPOINT=$(sed -n 's/.*export HF_ENDPOINT=//p' demo/serve.log)
HF_TOKEN=$(cat demo/hub/token)
export HF_ENDPOINT HF_TOKEN
me=$(sed -n "s/^Made the account '\(.*\)';.*/\1/p" demo/serve.log)
python -c '
import sys, time, urllib.request
for _ in range(600):
    try:
        sys.exit(urllib.request.urlopen(sys.argv[1], timeout=60).status != 200)
    except OSError:  # it is still starting
        time.sleep(0.2)
sys.exit(1)
' "$HF_ENDPOINT/healthz" || { cat demo/serve.log; exit 1; }
run push digits-quick "$me/digits"

echo
echo "A colleague, with folders of their own, pulls one level of it:"
export TICKET_HOME="$PWD/demo/elsewhere"
run pull "$me/digits:9"
pulled=$(ticket pull "$me/digits:9" -q)
run verify --partial "$pulled"

cat <<'WORDS'

Do the first values matter? It takes controls to tell. The colleague trains the ticket beside the
same mask with fresh values (reinit), and beside the dense network, on equal terms.
WORDS
run retrain "$me/digits:9" --against reinit,dense

echo
echo "The team can leave such work to its hub: a worker takes the jobs that people submit."
printf '\n$ ticket worker --slots 1 &\n'
TICKET_HOME="$PWD/demo" ticket worker --hub "$HF_ENDPOINT" --slots 1 >demo/worker.log 2>&1 &
worker=$!
trap 'kill $worker $hub' EXIT
TICKET="$me/digits:9" python docs/demo_job.py || { cat demo/worker.log; exit 1; }

echo
echo "The search's figure is $(ls demo/runs/digits-quick-*/report/ladder.png),"
echo "its whole report $(ls demo/runs/digits-quick-*/report/report.html)."
