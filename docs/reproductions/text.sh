#!/bin/sh
# The commands of text.md. `ticket` and `python` must be on the PATH; the same command goes on where
# it was stopped.
#
#   TICKET_DATA  the folder in which text/ has sst2-train.tsv, ... (label, tab, sentence; or .tsv.gz)
#   TICKET_HOME  where everything is kept: the runs in text/
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${TICKET_DATA:?}" "${TICKET_HOME:?}" "${ITERATIONS:=300}" "${PRETRAINING:=3000}" "${TRIALS:=3}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/text"
cd "$TICKET_HOME/text"
levels=4,6 # 40% and 10% of the weights

find() { # RUN [OPTION]...
  run=$1
  shift
  ticket find "$here/text.toml" --set "training.iterations=$ITERATIONS" \
    --set "training.warmup=$((ITERATIONS / 10))" --set "training.evaluate_every=$((ITERATIONS / 3))" \
    --trials "$TRIALS" --workers 1 --out "$run" "$@"
}
retrain() { # OUT RUN CONTROLS [OPTION]...
  out=$1 run=$2 controls=$3
  shift 3
  ticket retrain "$run:$levels" --against "$controls" --trials "$TRIALS" --workers 1 \
    --out "$out" "$@"
}

python "$here/text.py" data "$TICKET_DATA/text"

# Fresh weights, on SST-2, beside all controls.
find fresh
retrain fresh-on-sst2 fresh dense,reinit,reinit-same-sign,shuffle,random,random-erk

# The encoder learns to fill in words, and goes to a hub of our own.
python "$here/text.py" pretrain "$PRETRAINING"
ticket serve --port 0 >serve.log 2>&1 &
hub=$!
trap 'kill $hub' EXIT
until grep -q 'The hub runs at' serve.log; do
  kill -0 $hub || { cat serve.log; exit 1; }
  sleep 0.2
done
HF_ENDPOINT=$(sed -n 's/.*export HF_ENDPOINT=//p' serve.log)
HF_TOKEN=$(cat "$TICKET_HOME/hub/token")
export HF_ENDPOINT HF_TOKEN
[ -s commit ] || { python "$here/text.py" push encoder-2-128-masked-words >commit.new && mv commit.new commit; }
model=$(cat commit)

# Its ticket, found on movie reviews, beside its controls on two other sets.
find pretrained --set "network.weights=hub:$model" --set "data.tokenizer=hub:$model:tokenizer.json" \
  --set data.name=text:mr.tsv
for name in sst2 trec; do
  retrain "pretrained-on-$name" pretrained dense,shuffled-pretrained,reinit,random \
    --dataset "text:$name"
done
date
