#!/bin/sh
# The commands of early.md: `sh early.sh mnist`, `sh early.sh conv2`, or both with no word. `ticket`
# must be on the PATH; the same command goes on where it was stopped.
#
#   TICKET_DATA  has MNIST and CIFAR-10, or a place to download them to
#   TICKET_HOME  where everything is kept: the runs in early/
#   ITERATIONS, TRIALS, SCORES  instead of those of the parts
#   DENSITIES, SIZE             of conv2: which of 0.2, 0.1 and 0.05, and the pixels of an edge
#   PRECISION                   of conv2: bf16 takes half the time where the processor has it
set -eu
: "${TICKET_HOME:?}" "${WORKERS:=1}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/early"
cd "$TICKET_HOME/early"
: "${SCORES:=snip iterative-snip force grasp grasp-magnitude synflow initial-magnitude}"
: "${DENSITIES:=0.1}" "${SIZE:=16}" "${PRECISION:=float32}"

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
sanity() { # PREFIX LEVEL IMP-LEVEL OUT [OPTION]... : all of them beside iterative tickets
  prefix=$1 level=$2 imp=$3 out=$4
  shift 4
  with=""
  for score in $SCORES; do
    with="$with --with $prefix-$score:$level"
  done
  first=${SCORES%% *}
  # shellcheck disable=SC2086 # one word each
  ticket analyze "$prefix-$first:$level" --only sanity ${with#*:"$level"} \
    --with "$prefix-imp:$imp" --workers "$WORKERS" --device cpu --out "$out" "$@"
}

mnist() {
  iterations=${ITERATIONS:-1000} trials=${TRIALS:-5}
  early lenet-mnist mnist --set "search.trials=$trials" --set "pruning.rates={fc=0.2,output=0.2}" \
    --set "pruning.densities=[0.05]" --set pruning.examples_per_class=100
  find lenet-mnist mnist-imp --set "search.trials=$trials" --set "training.iterations=$iterations" \
    --set pruning.scope=global --set "pruning.rates={fc=0.3925,output=0.3925}" --levels 6
  sanity mnist 1 6 mnist-sanity --iterations "$iterations" \
    --set "training.evaluate_every=$((iterations / 10))"
}

conv2() {
  iterations=${ITERATIONS:-250} trials=${TRIALS:-3}
  every=$((iterations / 5))
  set -- --set "data.size=$SIZE" --set data.validation=2000 --set training.lr=0.001 \
    --set training.test=chosen --set "training.precision=$PRECISION" --set "search.trials=$trials"
  early conv2-cifar10 conv2 "$@" --set "pruning.rates={conv=0.2,fc=0.2,output=0.2}" \
    --set "pruning.densities=[0.2,0.1,0.05]"
  for density in $DENSITIES; do
    # The level of the early searches, and that of the iterative one: 17.8, 10.0 and 5.6%.
    case $density in
      0.2) level=1 imp=3 ;;
      0.1) level=2 imp=4 ;;
      0.05) level=3 imp=5 ;;
      *) echo "DENSITIES are 0.2, 0.1 and 0.05, not $density" >&2 && exit 2 ;;
    esac
    find conv2-cifar10 conv2-imp "$@" --set "training.iterations=$iterations" \
      --set "training.evaluate_every=$every" --set pruning.scope=global \
      --set "pruning.rates={conv=0.4377,fc=0.4377,output=0.4377}" --levels "$imp"
    out=conv2-sanity$([ "$density" = 0.1 ] || echo "-$density")
    sanity conv2 "$level" "$imp" "$out" --iterations "$iterations" \
      --set "training.evaluate_every=$every"
    ticket compare "$out"/sanity-* --out "$(echo "$out" | sed s/sanity/compared/)"
  done
}

for part in "${@:-mnist conv2}"; do
  for each in $part; do "$each"; done
done
date
