#!/bin/sh
# Build the site of all entries into site/. What was verified before is kept in cache/, which only builds may write;
# what challenges and reruns found lies in proofs/, which only maintainers may write.
set -eu
mkdir -p proofs
sightscale leaderboard build entries --output site --title "@TITLE@" --cache cache --proofs proofs
