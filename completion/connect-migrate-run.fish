# fish completion for connect-migrate-run(1). What fits is asked of the program itself: see src/cli/completion.h in its sources.
function __connect_migrate_run_ask
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    $program __complete $words (commandline -ct | string collect --allow-empty) 2>/dev/null
end
# A line that begins with a colon asks for names of files: fish's own completion makes them.
complete -c connect-migrate-run -f -a '(__connect_migrate_run_ask | string match -rv "^:")'
complete -c connect-migrate-run -n '__connect_migrate_run_ask | string match -rq "^:"' -F
