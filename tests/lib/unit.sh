#!/bin/sh
# Runs a unit test program. cmocka's TAP says "not ok N # SKIP name" of a skipped test, which a TAP reader takes for a failure.
out=$(mktemp) || exit 1
"$@" >"$out"
status=$?
if [ $status = 77 ]; then
    printf '1..0 # SKIP %s\n' "$(head -n 1 "$out")"
    rm -f "$out"
    exit 0
fi
sed 's/^not ok \([0-9]*\) # SKIP \(.*\)$/ok \1 - \2 # SKIP what it needs is not here/' "$out"
rm -f "$out"
exit $status
