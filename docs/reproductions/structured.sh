#!/bin/sh
# The commands of structured.md. `ticket` must be on the PATH; the same command goes on where it was
# stopped.
#
#   TICKET_DATA  has CIFAR-10, or a place to download it to
#   TICKET_HOME  where everything is kept: the runs in structured/
set -eu
: "${TICKET_HOME:?}" "${ITERATIONS:=600}" "${TRIALS:=3}" "${SIZE:=16}" "${NETWORKS:=resnet20 vgg11}"
export TICKET_HOME OMP_NUM_THREADS=1
mkdir -p "$TICKET_HOME/structured"
cd "$TICKET_HOME/structured"

# Half of the units of each layer go after one training; tickets begin at a tenth of it.
units() { # RECIPE RUN [OPTION]...
  recipe=$1 run=$2
  shift 2
  ticket find "$recipe" --set "data.size=$SIZE" --set "training.iterations=$ITERATIONS" \
    --set "training.milestones=[$((ITERATIONS / 2)),$((ITERATIONS * 3 / 4))]" \
    --set "training.evaluate_every=$((ITERATIONS / 6))" --set training.test=chosen \
    --set pruning.granularity=unit --set pruning.scope=layerwise \
    --set "search.rewind=$((ITERATIONS / 10))it" --trials "$TRIALS" --levels 1 --workers 1 \
    --out "$run" "$@"
  ticket retrain "$run:1" --against dense,reinit,random,finetune --trials "$TRIALS" --workers 1 \
    --out "$run-retrained"
}

resnet20() {
  units resnet20-rewind-cifar10 resnet20 --set 'pruning.rates={conv=0.5,shortcut=0.5,output=0.0}'
}
vgg11() {
  units vgg19-cifar10 vgg11 --set network.name=vgg-11 --set 'pruning.rates={conv=0.5,output=0.0}'
}

for network in $NETWORKS; do "$network"; done
