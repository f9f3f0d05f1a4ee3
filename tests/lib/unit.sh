#!/bin/sh
# Runs a unit test program. cmocka's TAP says "not ok N # SKIP name" of a skipped test, which a TAP reader takes for a failure.
out=$(mktemp) || exit 1
"$@" >"$out"
status=$?
sed 's/^not ok \([0-9]*\) # SKIP \(.*\)$/ok \1 - \2 # SKIP what it needs is not here/' "$out"
rm -f "$out"
exit $status
