#!/bin/sh
# The accuracies of smaller.md. `ticket` must be on the PATH; the same command goes on where it was
# stopped.
#
#   TICKET_DATA  has CIFAR-10, or a place to download it to
#   TICKET_HOME  where everything is kept: the runs in smaller/
set -eu
: "${TICKET_HOME:?}" "${TRIALS:=3}" "${SIZE:=16}" "${NETWORKS:=mobilenetv1 simplenet vgg14 densenet40}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/smaller"
cd "$TICKET_HOME/smaller"

# A batch is 64 of 45,000 pictures, an epoch 703 iterations.
for network in $NETWORKS; do
  case $network in
    vgg14 | densenet40) iterations=${ITERATIONS:-200} ;; # a step of these costs five to ten of the others'
    *) iterations=${ITERATIONS:-400} ;;
  esac
  ticket find "$network-units-cifar10" --set "data.size=$SIZE" --set "training.iterations=$iterations" \
    --set "training.evaluate_every=$((iterations / 4))" --set training.test=chosen \
    --set training.lr=0.001 --trials "$TRIALS" --workers 1 --out "$network"
done
