# Snakemake's locks outlive a SIGKILL. They are removed where no snakemake works in this folder.
if compgen -G ".snakemake/locks/*.lock" > /dev/null; then
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd" 2> /dev/null)" = "$(pwd -P)" ] || continue
        grep -qszE '^(.*/)?snakemake$' "$process/cmdline" && return
    done
    echo "The last run did not end by itself; its locks are removed, and its work is taken up." >&2
    rm -f .snakemake/locks/*.lock
fi
