#!/bin/sh
# The commands of pretrained.md. `ticket` and `python` must be on the PATH; the same command goes on
# where it was stopped.
#
#   TICKET_DATA  has MNIST, Fashion-MNIST and EMNIST letters, or a place to download them to
#   TICKET_HOME  where everything is kept: the runs in pretrained/
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${TICKET_HOME:?}" "${ITERATIONS:=4000}" "${TRIALS:=5}" "${LEVELS:=15}" "${CHOSEN:=5,10,15}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/pretrained"
cd "$TICKET_HOME/pretrained"

find() { # RUN [OPTION]...
  run=$1
  shift
  ticket find lenet-mnist --set "training.iterations=$ITERATIONS" --trials "$TRIALS" \
    --levels "$LEVELS" --workers 1 --out "$run" "$@"
}
retrain() { # OUT RUN CONTROLS [OPTION]...
  out=$1 run=$2 controls=$3
  shift 3
  ticket retrain "$run:$CHOSEN" --against "$controls" --trials "$TRIALS" --workers 1 \
    --out "$out" "$@"
}

[ -s letters.safetensors ] || python "$here/letters.py" letters.safetensors

# Tickets from the weights of the letters, and those of the data themselves, from fresh weights.
find from-letters --set network.weights=file:letters.safetensors
find fresh

# Where they were found, and on other data; `dense` is the whole network with the letters' weights.
retrain on-mnist from-letters dense,shuffled-pretrained,reinit,random,own --own fresh
retrain on-fashion from-letters dense,shuffled-pretrained,reinit,random --dataset fashion-mnist
retrain fresh-on-mnist fresh dense,reinit
date
