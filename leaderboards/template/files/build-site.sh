#!/bin/sh
# Build the site of all entries into site/. What was verified before is kept in cache/, which only builds may write.
set -eu
sightscale leaderboard build entries --output site --title "@TITLE@" --cache cache
