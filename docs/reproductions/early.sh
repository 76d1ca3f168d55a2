#!/bin/sh
# The commands of early.md: `sh early.sh mnist`, `sh early.sh conv2`, or both with no word. `ticket`
# must be on the PATH; the same command goes on where it was stopped.
#
#   TICKET_DATA  has MNIST and CIFAR-10, or a place to download them to
#   TICKET_HOME  where everything is kept: the runs in early/
set -eu
: "${TICKET_HOME:?}" "${WORKERS:=1}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/early"
cd "$TICKET_HOME/early"
SCORES="snip iterative-snip force grasp grasp-magnitude synflow initial-magnitude"

find() { # RECIPE RUN [OPTION]...
  recipe=$1 run=$2
  shift 2
  ticket find "$recipe" --workers "$WORKERS" --device cpu --out "$run" "$@"
}
early() { # RECIPE PREFIX [OPTION]... : a search by each score; masks need no training
  recipe=$1 prefix=$2
  shift 2
  for score in $SCORES; do
    find "$recipe" "$prefix-$score" --set training.iterations=1 --set training.evaluate_every=1 \
      --set pruning.when=init --set pruning.mode=one-shot --set pruning.scope=global \
      --set "pruning.criterion=$score" "$@"
  done
}
sanity() { # PREFIX LEVEL IMP-LEVEL [OPTION]... : all of them beside iterative tickets
  prefix=$1 level=$2 imp=$3
  shift 3
  with=""
  for score in $SCORES; do
    [ "$score" = snip ] || with="$with --with $prefix-$score:$level"
  done
  # shellcheck disable=SC2086 # one word each
  ticket analyze "$prefix-snip:$level" --only sanity $with --with "$prefix-imp:$imp" \
    --workers "$WORKERS" --device cpu --out "$prefix-sanity" "$@"
}

mnist() {
  early lenet-mnist mnist --set search.trials=5 --set "pruning.rates={fc=0.2,output=0.2}" \
    --set "pruning.densities=[0.05]" --set pruning.examples_per_class=100
  find lenet-mnist mnist-imp --set search.trials=5 --set training.iterations=1000 \
    --set pruning.scope=global --set "pruning.rates={fc=0.3925,output=0.3925}" --levels 6
  sanity mnist 1 6 --iterations 1000 --set training.evaluate_every=100
}

conv2() {
  set -- --set data.size=16 --set data.validation=2000 --set training.lr=0.001 \
    --set training.test=chosen --set search.trials=3
  early conv2-cifar10 conv2 "$@" --set "pruning.rates={conv=0.2,fc=0.2,output=0.2}" \
    --set "pruning.densities=[0.2,0.1,0.05]"
  find conv2-cifar10 conv2-imp "$@" --set training.iterations=250 \
    --set training.evaluate_every=50 --set pruning.scope=global \
    --set "pruning.rates={conv=0.4377,fc=0.4377,output=0.4377}" --levels 4
  sanity conv2 2 4 --iterations 250 --set training.evaluate_every=50
  ticket compare conv2-sanity/sanity-* --out conv2-compared
}

for part in "${@:-mnist conv2}"; do
  for each in $part; do "$each"; done
done
date
