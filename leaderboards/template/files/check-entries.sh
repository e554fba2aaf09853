#!/bin/sh
# Verify the entries that differ between two commits, the second of which is checked out; write comment.md and report.json.
set -u
base=${1:?the commit that the pull request starts from}
head=${2:-HEAD}
sightscale leaderboard check "$base...$head" --entries entries --markdown comment.md --json report.json
